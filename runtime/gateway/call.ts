import type { ChatMessage, FinishReason, Sampling } from '../protocol/chat.ts';
import type { Place } from '../protocol/errors.ts';
import type { CallRecord, CallTokens, UntrainedReason } from '../protocol/trace.ts';
import type { Policy } from '../policy/policy.ts';
import type { Prompt } from './prompt.ts';
import type { Shown } from './replay.ts';
import type { CallRequest, ToolSet } from './request.ts';
import type { History } from './turn.ts';

/** Who answers a role. */
export interface Route {
  policy: Policy;
  /** Whether this role's tokens are to be trained. */
  target: boolean;
  /** How the policy is named in records. */
  label: string;
}

/** A model call on its way, with all that its record will need. */
export interface Call {
  readonly role: string;
  readonly route: Route;
  readonly request: CallRequest;
  readonly site: Place | undefined;
  readonly start: number;
  readonly tools: ToolSet | undefined;
  history: History;
  sampling: Sampling;
  /** Absent for a model whose tokens we don't see. */
  prompt: Prompt | undefined;
  /** Names the call in its run, and fixes what is sampled. */
  key: bigint;
  edited: CallRecord['edited'];
  /** What was sampled so far, for the record of a call that is cut off. */
  readonly partial: { ids: number[]; logprobs: number[] };
}

/** How a call was answered. */
export interface Outcome {
  reply: ChatMessage;
  finish: FinishReason;
  usage: CallRecord['usage'];
  version: number | null;
  tokens?: Omit<CallTokens, 'from' | 'tail'> | undefined;
  /** What the model's server says it was shown, where we built no prompt. */
  toldPrompt?: readonly number[] | undefined;
  malformed?: string | undefined;
  why?: UntrainedReason | undefined;
  /** Of a replayed call: as long as it took then. */
  duration?: number;
}

export function shown(call: Call): Shown {
  return call.prompt === undefined ? { messages: call.history.messages } : { ids: call.prompt.ids };
}

/** Ids of tool calls are ours: unique in the run, and the same again when the run is. */
export function mintToolCallId(call: Call, index: number): string {
  return `call_${call.key.toString(36)}_${index}`;
}
