/** What is known of an answered call, and of the history that a request stands on. */
import type { TokenPolicy } from '../policy/policy.ts';
import type { ChatMessage } from '../protocol/chat.ts';
import type { Echo } from '../protocol/trace.ts';
import type { ToolSet } from './request.ts';

/** One answered call, as later prompts build on it. */
export interface Turn {
  /** Index of its record. */
  readonly call: number;
  readonly role: string;
  /** Where its prompt stands in the chain of messages. */
  readonly asked: string;
  readonly from: Turn | null;
  /** Its prompt is messages(from) + reply(from) + add. */
  readonly add: readonly ChatMessage[];
  readonly reply: ChatMessage;
  readonly tools: ToolSet | undefined;
  /** False after an edit that was for this call only: later prompts are as the framework sends them. */
  readonly kept: boolean;
  /** Absent for a model whose tokens we don't see. */
  readonly tokens: TokenTurn | undefined;
}

/** A request's messages with our own answers put back. */
export interface History {
  /** The end of the chain of messages, as the framework sent them. */
  readonly asked: string;
  readonly from: Turn | null;
  readonly add: readonly ChatMessage[];
  /** Everything: messages(from) + reply(from) + add. */
  readonly messages: readonly ChatMessage[];
  /** The answers of ours among the messages, in their order. */
  readonly turns: readonly Turn[];
  /** Those of them that came back changed. */
  readonly echoes: readonly Echo[];
  /** The framework left the path of an earlier call other than by its answer. */
  readonly rewritten: boolean;
}

/** The token side of an answered call. */
export interface TokenTurn {
  readonly from: Turn | null;
  readonly tail: readonly number[];
  readonly sampled: readonly number[];
  /** Absent where a server told only ids. */
  readonly text: TurnText | undefined;
}

export interface TurnText {
  readonly policy: TokenPolicy;
  /** The sampled text without the end token, word for word: what a template is given for this turn. */
  readonly raw: string;
  /** Length of prompt text and sampled text together, and what they hash to: a prompt that begins so goes on from here. */
  readonly length: number;
  readonly digest: string;
}
