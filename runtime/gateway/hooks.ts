/** Where a debugger stands: before a call is answered and after it was recorded. */
import type { CallDecision, PendingCall } from '../protocol/backbone.ts';
import type { Place } from '../protocol/errors.ts';
import type { CallRecord } from '../protocol/trace.ts';

/** A promise holds the call, with the clock of its rollout standing still; undefined lets it go on at once. `stack`: the user code that made it. */
export interface CallHooks {
  beforeCall?(call: PendingCall, stack: readonly Place[]): Promise<CallDecision> | undefined;
  /** The answer is recorded and the agent does not have it yet. */
  afterCall?(call: PendingCall, record: CallRecord, stack: readonly Place[]): Promise<unknown> | undefined;
}
