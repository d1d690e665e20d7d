import type { CallRecord, RolloutRecord, UntrainedReason } from '../protocol/trace.ts';
import type { TrackedCall } from './call.ts';

/** Stored rollouts as calls to track. What only a whole group or batch can tell (`no-spread`, `over-long`, `stale`) is left to `weigh`. */
export function callsOf(records: Iterable<RolloutRecord>): TrackedCall[] {
  const calls: TrackedCall[] = [];
  for (const record of records) {
    for (const call of record.calls) {
      calls.push({
        rollout: record.rollout,
        call: call.index,
        from: call.tokens?.from ?? undefined,
        prompt: call.tokens?.tail ?? [],
        sampled: call.tokens?.sampled ?? [],
        logprobs: call.tokens?.logprobs,
        why: whyUntrained(record, call),
      });
    }
  }
  return calls;
}

/**
 * The one reason a call is not trained, or nothing. What happened to the call itself comes first, then what its role was for,
 * then what the model didn't tell, then what became of the rollout.
 */
export function whyUntrained(record: Pick<RolloutRecord, 'split' | 'status' | 'reward'>, call: Pick<CallRecord, 'why' | 'target' | 'tokens'>): UntrainedReason | undefined {
  if (call.why !== undefined) return call.why;
  if (!call.target) return 'role-not-a-target';
  if (call.tokens === undefined) return 'no-token-ids';
  if (call.tokens.logprobs === undefined) return 'no-logprobs';
  if (record.split === 'validation') return 'validation';
  if (record.status !== 'finished') return 'rollout-failed';
  if (record.reward === null) return 'no-reward';
  return undefined;
}
