/**
 * The trace viewer's contract: what its page asks of its host (VS Code, or `tuning-fork view` in a browser) and what it is told.
 * Data come as typed arrays by range, never a run as objects. Arrays of one thing have one length, said by `count`.
 */
import type { ChatMessage, Sampling, ToolDefinition } from './chat.ts';
import type { ErrorInfo, Place } from './errors.ts';
import type { Continuation, JudgeRecord, RunInfo, ToolRecord, UntrainedReason } from './trace.ts';

export const VIEWER_PROTOCOL = 1;

/** What the host can do beyond showing: a browser has no editor to jump into. */
export type HostCapability = 'code' | 'fork' | 'debug' | 'score' | 'copy' | 'save' | 'runs';

export interface ViewedRun {
  protocol: typeof VIEWER_PROTOCOL;
  info: RunInfo;
  dir: string;
  /** Something still writes to it. */
  live: boolean;
  rollouts: number;
  /** Whether the vocabulary is there to show ids as text; without it tokens show their ids. */
  vocabulary: boolean;
  /** What of its files is damaged. */
  problems: ErrorInfo[];
  capabilities: HostCapability[];
  /** Weights that can be asked for their view of a rollout: checkpoints of the run, and the policy it began with. */
  checkpoints: { name: string; directory: string; step: number }[];
  /** Where to begin: a rollout, a call, a token of its answer. */
  focus?: ViewFocus;
  language: string;
}

export interface ViewFocus {
  rollout: string;
  call?: number;
  token?: number;
  /** Counts up: what is asked for again is gone to again, although the page has been there. */
  asked?: number;
}

/** One row a rollout, sealed ones first in the order of the index. Missing numbers are NaN. */
export interface RolloutColumns {
  from: number;
  count: number;
  /** One text, `\n` between. */
  ids: string;
  /** Places in `tasks`. */
  task: Uint32Array;
  tasks: string[];
  /** Places in `roles`, each the roles of a rollout's calls with `\n` between; '' where the index does not tell. */
  role: Uint32Array;
  roles: string[];
  step: Float64Array;
  sample: Float64Array;
  reward: Float64Array;
  /** As the training used it; NaN where it was none. */
  advantage: Float64Array;
  calls: Float64Array;
  prompt: Float64Array;
  sampled: Float64Array;
  trained: Float64Array;
  /** Milliseconds. */
  duration: Float64Array;
  /** 0 finished, 1 failed, 2 cancelled, 3 in flight. */
  status: Uint8Array;
  /** 0 no, 1 yes, 2 not told. */
  success: Uint8Array;
  /** 0 training, 1 validation. */
  split: Uint8Array;
  /** Bits, by place in `flagNames`. */
  flags: Uint32Array;
  flagNames: string[];
}

/** Bits of `Timeline.flags`. */
export const TOKEN = {
  /** One of the vocabulary's special tokens, by id. */
  special: 1,
  sampled: 2,
  /** A training target, going by the record alone: groups and staleness are told by `why` of the segment. */
  target: 4,
  /** Its bytes are not whole characters: they begin or end inside one. */
  partial: 8,
  /** Bytes that are no UTF-8 at all, also with their neighbours. */
  invalid: 16,
  /** Among the record's most likely alternatives; its rank is in `rank`. */
  ranked: 32,
} as const;

/** All distinct tokens of a rollout, depth first: what calls have in common stands once, where it was first sent. */
export interface Timeline {
  rollout: string;
  count: number;
  id: Int32Array;
  /** Text of all, one after another; token i is text.slice(start[i], start[i + 1]). A character in several tokens stands at the last of them. */
  text: string;
  /** count + 1. */
  start: Uint32Array;
  /** Bytes of all; token i has bytes byteStart[i] to byteStart[i + 1]. */
  bytes: Uint8Array;
  /** count + 1. */
  byteStart: Uint32Array;
  flags: Uint8Array;
  /** As sampled; NaN: absent. */
  logprob: Float32Array;
  /** Place among the recorded alternatives, from 1; 0: not among them, or none were recorded. */
  rank: Uint8Array;
  /** Of the recorded alternatives and the rest as one; NaN: none were recorded. A lower bound of the entropy. */
  entropy: Float32Array;
  /** Place in `segments`. */
  segment: Uint32Array;
  segments: Segment[];
  /** Where later calls sampled the same tokens. */
  again: SampledAgain[];
  calls: TimelineCall[];
  /** What was to be said of it that stands nowhere else: a model that told no tokens, damaged records. */
  notes: string[];
}

/** Tokens next to each other with one origin: a message of a prompt, or the answer of a call. */
export interface Segment {
  from: number;
  to: number;
  kind: 'prompt' | 'answer';
  /** The call that first sent or sampled it. */
  call: number;
  /** Role in the conversation where it is known; a template's own tokens belong to the message they open or close. */
  role: 'system' | 'user' | 'assistant' | 'tool' | 'template';
  /** Why its sampled tokens are not trained; null: they are, for one of the calls that sampled them. */
  why: UntrainedReason | null;
  /** The segment it goes on from; null at a root. Not always the one before it: a branch begins elsewhere. */
  parent: number | null;
}

/** A call's own view of tokens that an earlier one had sampled before it. */
export interface SampledAgain {
  segment: number;
  call: number;
  /** One a token of the segment; NaN: absent. */
  logprob: Float32Array;
}

export interface TimelineCall {
  index: number;
  role: string;
  target: boolean;
  policy: string;
  version: number | null;
  site?: Place;
  continuation: Continuation;
  /** The earlier call whose tokens it goes on from. */
  from: number | null;
  restored: number;
  finish: string;
  malformed?: string;
  edited: boolean;
  start: number;
  duration: number;
  sampling: Sampling;
  prompt: number;
  sampled: number;
  /** Tokens of its prompt that stood there already. */
  shared: number;
  why: UntrainedReason | null;
  /** Segments of its answer. */
  answer: number | null;
}

/** A rollout as a conversation. */
export interface Conversation {
  rollout: string;
  status: 'finished' | 'failed' | 'cancelled' | 'running';
  task: unknown;
  reward: number | null;
  success: boolean | null;
  judge?: JudgeRecord;
  metadata: unknown;
  error?: ErrorInfo;
  parent?: { rollout: string; call: number; token?: number };
  log: string[];
  tools: ToolRecord[];
  /** Depth first like the timeline; `segment` leads there. */
  turns: { call: number | null; message: ChatMessage; segment: number | null; branch: number }[];
  offered: ToolDefinition[];
}

export interface Alternative {
  id: number;
  text: string;
  bytes: Uint8Array;
  logprob: number;
  sampled: boolean;
}

/** Other weights' view of the sampled tokens, in the order of the timeline; NaN where they have none. */
export interface Scores {
  checkpoint: string;
  logprob: Float32Array;
}

/** The rollouts of one task, aligned after what their prompts share. */
export interface Group {
  rollouts: string[];
  /** Tokens that all of them begin with. */
  shared: number;
}

/** A rollout of another run: the one that a rollout was forked from, or one that was forked from it. */
export interface Kin {
  /** What requests take in place of a rollout of this run. */
  key: string;
  kind: 'parent' | 'fork';
  dir: string;
  rollout: string;
  /** Where the fork begins to differ: at a call, or within its answer after so many tokens. */
  call: number;
  token?: number;
  status: 'finished' | 'failed' | 'cancelled' | 'running';
  reward: number | null;
  /** Its run was moved or deleted: there is nothing to read. */
  gone?: true;
}

export type ViewerAction =
  | { do: 'code'; place: Place }
  | { do: 'fork'; rollout: string; call: number; token?: number }
  | { do: 'debug'; rollout: string }
  | { do: 'copy'; text: string }
  | { do: 'openRun'; dir: string; rollout?: string; call?: number; token?: number };

/** What of a run becomes a file: the rollouts that a filter keeps, those that are named, or all. */
export interface ExportChoice {
  what: 'rollouts' | 'tokens' | 'records';
  format: 'parquet' | 'csv' | 'jsonl';
  filter?: string;
  rollouts?: string[];
}

/** name -> [parameters, answer] */
export interface ViewerRequests {
  open: [null, ViewedRun];
  /** Sealed rollouts from this row on. */
  rollouts: [{ from: number }, RolloutColumns];
  /** Those that have begun and are not sealed. */
  inFlight: [null, RolloutColumns];
  timeline: [{ rollout: string }, Timeline];
  conversation: [{ rollout: string }, Conversation];
  /** Of one token, by its place in the timeline. */
  alternatives: [{ rollout: string; token: number }, Alternative[]];
  group: [{ rollouts: string[] }, Group];
  kin: [{ rollout: string }, Kin[]];
  score: [{ rollout: string; checkpoint: string }, Scores];
  /** Where the page downloads it, once; null: its host has asked a person where it goes. */
  export: [ExportChoice, string | null];
  act: [ViewerAction, string | null];
}

/** What a host tells by itself. */
export type ViewerEvent =
  | { type: 'grown'; rollouts: number }
  /** Calls were made, or a rollout ended; `rollouts` names some of them, at most a hundred. */
  | { type: 'changed'; rollouts: string[]; live: boolean }
  | { type: 'focus'; focus: ViewFocus }
  /** A download has ended. */
  | { type: 'exported'; file: string; rollouts: number; problems: ErrorInfo[] }
  /** A rollout was forked, in a run of its own. */
  | { type: 'forked'; rollout: string }
  | { type: 'gone'; error: ErrorInfo };
