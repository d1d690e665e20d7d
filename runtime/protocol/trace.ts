import type { ChatMessage, FinishReason, Sampling, ToolDefinition } from './chat.ts';
import type { ErrorInfo, Place } from './errors.ts';
import type { Json, JsonObject } from './json.ts';

export const TRACE_VERSION = 1;

export type Split = 'training' | 'validation';

/**
 * Why a sampled token is not a training target. Absent: it is one.
 * The ones about a whole group (`no-spread`, `stale`) are known only once a batch is made.
 */
export type UntrainedReason =
  | 'role-not-a-target' | 'rollout-failed' | 'over-long' | 'undelivered' | 'intervened'
  | 'no-token-ids' | 'no-logprobs' | 'no-reward' | 'no-spread' | 'stale' | 'validation';

/** How a call's prompt relates to the calls before it in its rollout. */
export type Continuation =
  | 'start'            // the first call of a conversation
  | 'continued'        // prompt = an earlier prompt + its answer + new messages, token for token
  | 'rewritten'        // the framework changed the history, so this is a new branch
  | 'template'         // the chat template renders the history differently (thinking stripped, say)
  | 'untracked';       // no token ids from this model

export interface CallTokens {
  /** The earlier call of this rollout that this prompt extends, or null. */
  from: number | null;
  /** The prompt is prompt(from) + sampled(from) + tail; without `from` the tail is the whole prompt. */
  tail: number[];
  sampled: number[];
  /** One for each sampled token, as the policy sampled it. Absent when the model did not tell: never zeros. */
  logprobs?: number[];
  /** k most likely alternatives of each sampled token. */
  top?: { k: number; ids: number[]; logprobs: number[] };
}

/** An answer that came back other than it was given, and was put back. */
export interface Echo {
  /** Whose answer. */
  call: number;
  /** What it was recognised by: the id of a tool call, its place in the history with its content, or its content alone. */
  by: 'tool-call-id' | 'place' | 'content';
  changed: ('text' | 'reasoning' | 'arguments' | 'ids' | 'grouping')[];
}

/** One model call, as it happened. Written to the journal the moment it ends. */
export interface CallRecord {
  index: number;
  id: string;
  role: string;
  /** Whether this role's tokens were asked to be trained. */
  target: boolean;
  policy: string;
  /** Weights version of the policy; null for a model outside. */
  version: number | null;
  site?: Place;
  /** Milliseconds since the rollout started, time on hold excluded. */
  start: number;
  duration: number;
  sampling: Sampling;
  /** Messages sent are messages(from) + reply(from) + add. */
  history: { from: number | null; add: ChatMessage[] };
  /** Index of the earlier call with the same tools, or the tools themselves. */
  tools?: number | ToolDefinition[];
  reply: ChatMessage;
  finish: FinishReason;
  continuation: Continuation;
  /** How many of the framework's echoed assistant turns were put back to what was sampled. */
  restored?: number;
  /** What was changed of them; each is told once, and again when it comes back otherwise. */
  echoes?: Echo[];
  tokens?: CallTokens;
  usage: { prompt: number; completion: number; cached: number };
  why?: UntrainedReason;
  /** Set when a tool call in the answer could not be read; the agent got the text instead. */
  malformed?: string;
  /** A debugger changed the prompt: the key of the prompt before that, and whether later prompts keep the change. */
  edited?: { asked: string; kept: boolean };
}

/** A Toolkit call, kept so that a replay needs no tool. */
export interface ToolRecord {
  index: number;
  /** Number of model calls that had finished when it ran. */
  afterCalls: number;
  name: string;
  arguments: string;
  result: string;
  error?: boolean;
  duration: number;
  site?: Place;
}

export interface JudgeRecord {
  name: string;
  reward: number;
  success: boolean | null;
  /** Named parts of the reward. */
  parts?: Record<string, number>;
  reason?: string;
}

export type RolloutStatus = 'finished' | 'failed' | 'cancelled';

/** Where a rollout stands in its run. All that randomness and grouping depend on. */
export interface RolloutPlace {
  run: string;
  /** Unique in the run, safe in a path: `s<step>t<task>n<sample>`, forks with `f<n>` behind. */
  rollout: string;
  step: number;
  split: Split;
  taskIndex: number;
  taskId: string;
  sample: number;
}

/** Everything kept of one rollout: one line of JSON in one gzip member. */
export interface RolloutRecord extends RolloutPlace {
  v: typeof TRACE_VERSION;
  attempt: number;
  workflow: string;
  task: JsonObject;
  status: RolloutStatus;
  reward: number | null;
  success: boolean | null;
  judge?: JudgeRecord;
  metadata: { [key: string]: Json };
  metrics?: { [key: string]: Json };
  error?: ErrorInfo;
  /** ISO time. */
  started: string;
  /** Milliseconds, time on hold excluded. */
  duration: number;
  /** The rollout this one was forked from, the first call that was sampled anew, and how many tokens of its answer were kept. */
  parent?: { rollout: string; call: number; token?: number };
  calls: CallRecord[];
  tools: ToolRecord[];
  /** Console output of user code. */
  log?: string[];
}

export interface RolloutCounts {
  calls: number;
  prompt: number;
  sampled: number;
  trained: number;
}

/** One line of the index: enough for every list, filter and tree without opening a rollout. */
export interface IndexEntry extends RolloutCounts {
  id: string;
  attempt: number;
  step: number;
  split: Split;
  task: string;
  taskIndex: number;
  sample: number;
  status: RolloutStatus;
  reward: number | null;
  success: boolean | null;
  /** Milliseconds. */
  duration: number;
  /** Short codes: `error:<code>`, `truncated`, `malformed`, `branched`, `untrainable`, `fork`. */
  flags: string[];
  /** Of its calls, in the order they first came; many are cut with `…`. Absent in an index of before. */
  roles?: string[];
  /** Which file of the run's traces, and where in it. */
  file: number;
  offset: number;
  length: number;
}

export interface ProcessStamp {
  pid: number;
  /** Start time of the process as the system tells it, so that a reused pid is not taken for ours. */
  started: string;
}

/** A stored rollout that is executed again: calls before `untilCall` come from its record, and so many tokens of the next answer; `forks` go on from there. */
export interface Replay {
  dir: string;
  rollout: string;
  untilCall?: number;
  untilToken?: number;
  forks: number;
}

/** run.json, replaced whole. */
export interface RunInfo {
  v: typeof TRACE_VERSION;
  run: string;
  project: string;
  experiment: string;
  kind: 'rollout' | 'replay' | 'check' | 'training' | 'rejudge' | 'test';
  created: string;
  finished?: string;
  state: 'running' | 'finished' | 'failed' | 'cancelled';
  /** Absolute path of the YAML, and the parsed configuration with secrets left out. */
  conf: string;
  config: JsonObject;
  /** For a training: the keys of it that a command or a window gave. They hold when it goes on, whatever the YAML says. */
  given?: string[];
  workflow: string;
  policy: string;
  tokenizer?: { sha256: string; template: string };
  planned: number;
  /** SHA-256 of the workflow's file, the judge's, and what they import of the project, by real path: whether code is still what it was. */
  files?: Record<string, string>;
  /** For a rejudge: the folder of the run whose rollouts were scored again. */
  source?: string;
  /** For a replay. Its folder is absolute. */
  replay?: Replay;
  error?: ErrorInfo;
  backbone?: ProcessStamp;
  workers?: ProcessStamp[];
}
