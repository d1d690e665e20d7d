/** Where a debugger stands: before a call is sampled and after it was recorded. */
import type { CallDecision, PendingCall } from '../protocol/backbone.ts';
import type { CallRecord } from '../protocol/trace.ts';

export interface CallHooks {
  /** A promise holds the call, with the clock of its rollout standing still; undefined lets it go on at once. */
  beforeCall?(call: PendingCall): Promise<CallDecision> | undefined;
  /** The answer is recorded and the agent does not have it yet. */
  afterCall?(call: PendingCall, record: CallRecord): Promise<void> | undefined;
}

interface Waiting {
  call: PendingCall;
  decide: (decision: CallDecision) => void;
}

/** A rollout's hold: once set, its next calls wait at the door until somebody lets them go. */
export class HoldGate implements CallHooks {
  #holding = false;
  #waiting: Waiting[] = [];
  readonly #onHeld: ((call: PendingCall) => void) | undefined;

  constructor(onHeld?: (call: PendingCall) => void) {
    this.#onHeld = onHeld;
  }

  get holding(): boolean {
    return this.#holding;
  }

  /** The calls that wait, first come first. */
  get waiting(): PendingCall[] {
    return this.#waiting.map((one) => one.call);
  }

  hold(): void {
    this.#holding = true;
  }

  /** Lets all waiting calls go; the decision is for the first of them. `hold()` right after it stops at the next call: a step. */
  release(decision: CallDecision = { do: 'go' }): void {
    this.#holding = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((one, index) => one.decide(index === 0 ? decision : { do: 'go' }));
  }

  beforeCall(call: PendingCall): Promise<CallDecision> | undefined {
    if (!this.#holding) return undefined;
    return new Promise((decide) => {
      this.#waiting.push({ call, decide });
      this.#onHeld?.(call);
    });
  }
}
