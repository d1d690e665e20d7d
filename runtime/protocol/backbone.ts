import type { ChatMessage, Sampling } from './chat.ts';
import type { ErrorInfo, Place } from './errors.ts';
import type { Json } from './json.ts';
import type { Stopped, StopPoint } from './stops.ts';
import type { IndexEntry, Replay, RunInfo, Split } from './trace.ts';
import type { TrainingEstimate, TrainingEvent, TrainingReport } from './training.ts';

export const PROTOCOL_VERSION = 1;

/** What a client asks for when it starts rollouts. */
export interface StartRun {
  kind: 'rollout' | 'replay' | 'check' | 'rejudge' | 'training' | 'test';
  conf: string;
  /** Environment of the client: `${NAME}` in the YAML and provider keys are read from here. */
  env: Record<string, string>;
  /** Where the client stands; relative paths in the YAML may be meant from there. */
  cwd: string;
  split?: Split;
  tasks?: { ids?: string[]; first?: number };
  repeats?: number;
  concurrency?: number;
  workers?: number;
  model?: string;
  /** In place of the configuration's own; `file.ts->name`, the name of a class or a function. */
  workflow?: string;
  judge?: string;
  /** Values in place of those in the configuration, by key path. */
  set?: Record<string, Json>;
  train?: string[];
  temperature?: number;
  seed?: number;
  inspect?: boolean;
  /** Where its rollouts stop from the first call on. */
  stops?: StopPoint[];
  /** Hold each rollout at its first model call. */
  stopOnEntry?: boolean;
  /** For a replay. */
  replay?: Replay;
  /** For a training: the folder of one to go on with; `force`: although what it depends on has changed. */
  training?: { resume?: string; force?: boolean; steps?: number };
  /** For a rejudge: the run whose stored rollouts are scored again. */
  rejudge?: { dir: string };
  /** For tests: files that hold a rollout each, all of one configuration. They need no model. */
  test?: { files: string[] };
}

/** Counts of a run; a client draws its progress from these. */
export interface RunProgress {
  planned: number;
  running: number;
  finished: number;
  failed: number;
  cancelled: number;
  held: number;
  calls: number;
  prompt: number;
  sampled: number;
  trained: number;
  rewards: number;
  rewardSum: number;
  rewardSquares: number;
  successes: number;
  judgedSuccess: number;
}

export interface RunStatus {
  run: string;
  dir: string;
  info: RunInfo;
  progress: RunProgress;
  /** Milliseconds since the start. */
  elapsed: number;
  /** Sequence number of the newest event. */
  seq: number;
  /** A training that stands still, or will once it has come to a safe point. */
  paused?: boolean;
}

/** Tasks as a list shows them. */
export interface TaskList {
  /** What a person would call where they come from. */
  name: string;
  /** The file they are lines of. */
  file?: string;
  tasks: { id: string; query: string; line?: number }[];
  /** There are more than were asked for. */
  more: boolean;
}

export interface PendingCall {
  rollout: string;
  role: string;
  index: number;
  site?: Place;
  messages: ChatMessage[];
  sampling: Sampling;
  /** The exact prompt; absent for a model whose tokens we don't see. */
  prompt?: { ids: number[]; text: string };
}

/**
 * What whoever holds a rollout lets its pending call do. `into`: an attached debugger stops in the user's function that made the call, at the first place
 * that runs once the answer is there; it has nothing to do for that but show the pause. Also after a call, before and after a tool, and before a judge of
 * the user's own, in which it stops then. Only for runs that were started with `inspect`.
 */
export type CallDecision = { into?: boolean } & (
  | { do: 'go' }
  /** For this call; `keep`: later prompts keep the changed messages, later calls of its role the changed sampling. */
  | { do: 'edit'; messages?: ChatMessage[]; sampling?: Partial<Sampling>; keep?: boolean }
  | { do: 'answer'; reply: ChatMessage }
);

export type RunEventBody =
  | { type: 'started'; info: RunInfo; dir: string }
  | { type: 'model-ready'; label: string; milliseconds: number }
  | { type: 'workflow-ready'; name: string; roles: string[] | null; milliseconds: number }
  | { type: 'inspector'; url: string; pid: number }
  | { type: 'rollout-started'; rollout: string; attempt: number; task: string; sample: number }
  | { type: 'call'; rollout: string; index: number; role: string; prompt: number; sampled: number; duration: number; site?: Place }
  | { type: 'rollout-finished'; entry: IndexEntry; error?: ErrorInfo }
  | { type: 'requeued'; rollout: string; attempt: number; cause: ErrorInfo }
  | { type: 'held'; stop: Stopped }
  | { type: 'released'; rollout: string }
  | { type: 'paused'; paused: boolean }
  /** What a trainer does until it answers. */
  | { type: 'trainer'; text: string }
  | { type: 'estimate'; estimate: TrainingEstimate }
  | { type: 'training'; event: TrainingEvent }
  | { type: 'report'; report: TrainingReport; files: { json: string; html: string } }
  /** `console`: written by `console.log` and its like, which a debugger shows too. */
  | { type: 'log'; rollout?: string; stream: 'out' | 'err'; text: string; site?: Place; console?: boolean }
  | { type: 'notice'; level: 'info' | 'warning' | 'error'; notice: ErrorInfo }
  | { type: 'progress'; progress: RunProgress; elapsed: number }
  | { type: 'finished'; state: RunInfo['state']; error?: ErrorInfo };

export type RunEvent = RunEventBody & { run: string; seq: number; time: number };

export interface BackboneStatus {
  pid: number;
  version: string;
  project: string;
  uptime: number;
  clients: number;
  runs: RunStatus[];
  policies: string[];
}

/** Every request a client can make: name -> [parameters, answer]. */
export interface BackboneRequests {
  hello: [{ token: string; protocol: number; client: string }, { pid: number; version: string; project: string }];
  start: [StartRun, { run: string; dir: string }];
  /** Subscribes to a run's events; those after `since` that are still kept are sent first. */
  attach: [{ run: string; since?: number }, RunStatus];
  detach: [{ run: string }, null];
  cancel: [{ run: string; rollout?: string }, null];
  status: [null, BackboneStatus];
  /** Of one rollout, begun or not: it stops at whatever comes next. */
  hold: [{ run: string; rollout: string }, null];
  /** All stop points of a run, in place of those it had. */
  setStops: [{ run: string; stops: StopPoint[] }, null];
  /** What stands still now; of one rollout, if it is named. Of calls that a rollout makes at once, the first is the one that is told and released next. */
  stopped: [{ run: string; rollout?: string }, Stopped[]];
  /** Lets the first that stands still go. `step`: it stops again at whatever comes next, before or after a call, a tool, the judge. */
  release: [{ run: string; rollout: string; decision?: CallDecision; step?: boolean }, null];
  /** A training stands still after the rollouts or the step it is at, until `resume`. Told by the event `paused`. */
  pause: [{ run: string }, null];
  resume: [{ run: string }, null];
  /** The first tasks that a configuration names; nothing runs. */
  tasks: [{ conf: string; env: Record<string, string>; cwd: string; split?: Split; workflow?: string; first: number }, TaskList];
  /** A checkpoint of the weights as they are, outside of `save_freq`. */
  checkpoint: [{ run: string }, null];
  /** Log-probabilities of what a stored rollout sampled, under other weights: a folder, or "embedded". `env`: says where the GPU runtime is. */
  score: [{ dir: string; rollout: string; model: string; env?: Record<string, string> }, { calls: { call: number; logprobs: number[] }[] }];
  shutdown: [{ force: boolean }, null];
}

export type BackboneMethod = keyof BackboneRequests;

/** One line of JSON each way over the socket. */
export type ClientLine = { id: number; method: BackboneMethod; params: unknown };
export type BackboneLine =
  | { id: number; result: unknown }
  | { id: number; error: ErrorInfo }
  | { event: RunEvent };
