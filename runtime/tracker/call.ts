import { TuningForkError } from '../protocol/errors.ts';
import type { UntrainedReason } from '../protocol/trace.ts';

/** One number for all sampled tokens of a call, or one for each. */
export type PerToken = number | ArrayLike<number>;

export function valueAt(value: PerToken, index: number): number {
  return typeof value === 'number' ? value : value[index]!;
}

/** What a call's sampled tokens count for. */
export interface Credit {
  advantage: PerToken;
  /** Above 0. A token that should not count gets a reason, not a zero. */
  weight: PerToken;
}

/** One model call as the tracker takes it: what the policy was shown and what it sampled, in token ids. */
export interface TrackedCall {
  rollout: string;
  /** Unique within the rollout, rising with time. */
  call: number;
  /** An earlier call of this rollout: the policy was shown its prompt, its sampled tokens, and then `prompt`. */
  from?: number;
  /** The whole prompt, or with `from` only what came after. */
  prompt: ArrayLike<number>;
  sampled: ArrayLike<number>;
  /** One for each sampled token. Absent: the call is not trained, as `no-logprobs`. */
  logprobs?: ArrayLike<number>;
  /** Why nothing of this call is trained. */
  why?: UntrainedReason;
  /** 0 unless given here or later by `weigh`. */
  advantage?: PerToken;
  /** 1 unless given here or later by `weigh`. */
  weight?: PerToken;
}

/** Where a call lies in the tree. */
export interface PlacedCall {
  readonly rollout: string;
  readonly call: number;
  /** Node of its last token; the path from the root to it is the prompt and what was sampled. -1 without tokens. */
  readonly last: number;
  /** Its sampled tokens are `begin` up to, not including, `end` of the table of sampled tokens. */
  readonly begin: number;
  readonly end: number;
  /** Set: none of them is a target. Absent: all of them are. */
  readonly why?: UntrainedReason;
  readonly advantage: PerToken;
  readonly weight: PerToken;
}

/** The order that makes trees, and so packs, independent of when calls arrived. */
export function canonicalOrder(a: TrackedCall, b: TrackedCall): number {
  if (a.rollout !== b.rollout) return a.rollout < b.rollout ? -1 : 1;
  return a.call - b.call;
}

export function reasonOf(call: TrackedCall): UntrainedReason | undefined {
  return call.why ?? (call.logprobs === undefined ? 'no-logprobs' : undefined);
}

export function nameOf(call: { rollout: string; call: number }): string {
  return `call ${call.call} of rollout ${call.rollout}`;
}

/** Some servers write this where they have no logprob. */
const MISSING = -9999;
/** log-softmax in half precision may end a little above 0. */
const ROUNDING = 1e-3;

export function checkLogprobs(call: TrackedCall, logprobs: ArrayLike<number>): void {
  if (logprobs.length !== call.sampled.length) {
    throw new TuningForkError('usage', `${nameOf(call)} has ${call.sampled.length} sampled tokens but ${logprobs.length} logprobs.`, {
      next: 'Give one logprob for each sampled token, or none at all.',
    });
  }
  for (let i = 0; i < logprobs.length; i++) {
    const logprob = logprobs[i]!;
    if (!(logprob > MISSING && logprob <= ROUNDING)) {
      throw new TuningForkError('non-finite', `logprobs[${i}] of ${nameOf(call)} is ${logprob}, which is no log-probability.`, {
        next: 'Leave logprobs out where the model gave none: the call is then kept, and not trained.',
      });
    }
  }
}

export function checkCredit(call: { rollout: string; call: number; advantage: PerToken; weight: PerToken }, sampled: number): void {
  checkEach(call, 'advantage', call.advantage, sampled, Number.isFinite, 'a finite number');
  checkEach(call, 'weight', call.weight, sampled, (weight) => weight > 0 && weight < Infinity, 'a finite number above 0');
}

function checkEach(call: { rollout: string; call: number }, name: string, value: PerToken, sampled: number, holds: (one: number) => boolean, wanted: string): void {
  if (typeof value === 'number') {
    if (!holds(value)) throw new TuningForkError('non-finite', `${name} of ${nameOf(call)} is ${value}, not ${wanted}.`);
    return;
  }
  if (value.length !== sampled) {
    throw new TuningForkError('usage', `${nameOf(call)} has ${sampled} sampled tokens but ${value.length} values in ${name}.`);
  }
  for (let i = 0; i < sampled; i++) {
    if (!holds(value[i]!)) throw new TuningForkError('non-finite', `${name}[${i}] of ${nameOf(call)} is ${value[i]}, not ${wanted}.`);
  }
}
