/** Stopping on meaning: what a client asks to be stopped at, and what a stopped rollout shows. */
import type { PendingCall } from './backbone.ts';
import type { ErrorInfo, Place } from './errors.ts';
import type { CallRecord, JudgeRecord } from './trace.ts';

export type StopOn =
  /** Before a model call is sampled: it can be edited, or its answer given. */
  | { on: 'call'; role?: string }
  /** The answer is recorded and the agent does not have it yet. */
  | { on: 'answer'; role?: string }
  /** Before a tool of a Toolkit runs. A model object of the worker's own process is one too, `model:<role>`. */
  | { on: 'tool'; name?: string }
  /** The workflow has given its output without a reward, and nobody has graded it yet. */
  | { on: 'judge' }
  /** Workflow and judge: the rollout is not sealed yet. Tool: the agent does not have its result yet. Time-outs and cancelling are not held. */
  | { on: 'error'; of: 'workflow' | 'tool' | 'judge' }
  /** This and the next ones, but for the rewards: once the call is recorded, as `answer`. */
  | { on: 'malformed' }
  | { on: 'truncated' }
  | { on: 'reward'; below: number }
  /** A sampled token less likely than this. */
  | { on: 'token'; below: number }
  /** A prompt that does not go on from an earlier one although its conversation does: history rewritten, or rendered otherwise. */
  | { on: 'drift' }
  /** The last of two or more rollouts of a task is graded, and all that are have one reward: it is this last one that stops. */
  | { on: 'no-spread' };

/** `id` is the client's own; `hit`: only from so many hits on, in all rollouts of the run together. */
export type StopPoint = StopOn & { id: number; hit?: number };

/** A rollout that stands still, and why. It goes on by `release`. */
export interface Stopped {
  rollout: string;
  attempt: number;
  task: string;
  sample: number;
  /** `hold`: by hand, or after a step. */
  on: StopOn['on'] | 'hold';
  /** The stop points that asked for it. */
  points: number[];
  /** One sentence. */
  text: string;
  /** User code at the time of the call, innermost first; `key` is the function's name. Empty where it is unknown. */
  stack: Place[];
  /** Before a call. */
  call?: PendingCall;
  /** After a call. */
  answered?: CallRecord;
  tool?: { name: string; arguments: string; result?: string };
  error?: ErrorInfo;
  /** Once it is graded. */
  reward?: number | null;
  judge?: JudgeRecord;
  /** The token that was too unlikely: its place in the answer, and its probability. */
  token?: { index: number; probability: number };
}
