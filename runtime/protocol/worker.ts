import type { ErrorInfo, Place } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { OutputData, Task, Verdict } from './task.ts';
import type { RolloutPlace, ToolRecord } from './trace.ts';

/** What a worker must import before it can run rollouts of one run. */
export interface WorkerLoad {
  projectDir: string;
  workflow: { file: string; className: string };
  /** A judge of the user's own; built-in judges run in the backbone. */
  judge?: { file: string; className: string };
  /** Stored rollouts are graded: the workflow, which somebody may be in the middle of changing, is not imported. */
  judgeOnly?: boolean;
  /** The configuration as workflows read it (`tuner.config`), secrets left out. */
  config: JsonObject;
  /** The client's environment: a worker may have been started before the client came. */
  env: Record<string, string>;
  /** Overrides the workflow's own `trainableTargets`. */
  trainableTargets?: string[];
  /** Milliseconds that importing the user's files, and blocking the event loop, may take; null: not watched, as a debugger may stop the code. */
  limits: { import: number; block: number } | null;
  /** Open an inspector and wait for a debugger before any user code is imported. */
  inspect: boolean;
}

export interface RolloutStart {
  place: RolloutPlace;
  attempt: number;
  /** Without the label: user code of a workflow never gets it. */
  task: Task;
  /** Ends in `/attempt/<n>`; `/role/<role>/v1` follows. */
  gateway: string;
  apiKey: string;
  /** Tool results may come from the record of another rollout. */
  replay: boolean;
  /** Before and after each tool it waits to be told to go on: a debugger may want to hold it there. */
  asks: boolean;
}

/** What `registerModel(role, { defaultModel })` may name, as it crosses to the backbone. */
export type DefaultModel = string | { baseURL: string; apiKey: string; model: string };

export type ToWorker =
  | { type: 'load'; load: WorkerLoad }
  | { type: 'run'; start: RolloutStart }
  | { type: 'judge'; rollout: string; attempt: number; task: Task; output: OutputData }
  | { type: 'cancel'; rollout: string; attempt: number; error: ErrorInfo }
  /** From now on its rollouts ask, as those do that start so. */
  | { type: 'ask' }
  | { type: 'go-on'; ask: number }
  /** A debugger that is attached is to stop in the function around this place, for this rollout, as soon as it goes on. Answered by `aimed`. */
  | { type: 'step-into'; ask: number; rollout: string; attempt: number; place: Place }
  | { type: 'recorded-tool'; ask: number; result?: { result: string; error?: boolean } }
  | { type: 'stop' };

export interface LoadedWorkflow {
  name: string;
  trainableTargets: string[] | null;
  judge: string | null;
  /** `transform`: the files need more than type stripping, so esbuild compiles them. */
  loader: 'strip' | 'transform';
}

/** A tool that waits for `go-on` with this number, the same before and after it runs, and the user code that called it, innermost first. */
export interface HeldTool {
  ask: number;
  arguments: string;
  stack: Place[];
}

export type FromWorker =
  | { type: 'ready'; node: string }
  | { type: 'inspector'; url: string; pid: number }
  | { type: 'loaded'; workflow: LoadedWorkflow }
  | { type: 'load-failed'; error: ErrorInfo }
  | { type: 'register'; rollout: string; attempt: number; role: string; defaultModel?: DefaultModel }
  /** Told before it runs, so that one that never ends can be named. */
  | { type: 'tool-started'; rollout: string; attempt: number; name: string; site?: Place; held?: HeldTool }
  | { type: 'tool'; rollout: string; attempt: number; tool: Omit<ToolRecord, 'index' | 'afterCalls'>; held?: HeldTool }
  | { type: 'ask-tool'; ask: number; rollout: string; attempt: number; name: string; arguments: string }
  | { type: 'aimed'; ask: number; rollout: string; attempt: number }
  | { type: 'log'; rollout?: string; attempt?: number; stream: 'out' | 'err'; text: string; site?: Place; console: boolean }
  | { type: 'finished'; rollout: string; attempt: number; output: OutputData }
  | { type: 'failed'; rollout: string; attempt: number; error: ErrorInfo; tainted: boolean }
  | { type: 'judged'; rollout: string; attempt: number; verdict?: Verdict; error?: ErrorInfo }
  /** User code went on after its rollout had ended, and threw. */
  | { type: 'late-error'; rollout?: string; error: ErrorInfo; tainted: boolean };

/** Written by the watchdog thread to its own pipe, since the main thread is stuck. */
export interface BlockedReport {
  rollout?: string;
  attempt?: number;
  blockedFor: number;
  /** Absent where the main thread is stuck in native code. */
  stack?: string;
  where?: Place;
}

/** File descriptor of that pipe in the worker. */
export const BLOCKED_FD = 4;
