/** What passes between VS Code and the rollout debug adapter beyond DAP's own requests and events. Tokens never go this way: they are read from the trace. */
import type { CallDecision } from './backbone.ts';
import type { Replay, Split } from './trace.ts';
import type { Stopped } from './stops.ts';

export const DEBUG_TYPE = 'tuning-fork';

/** launch.json of `type: "tuning-fork"`, once the extension has filled it in. */
export interface RolloutLaunch {
  request: 'launch';
  name: string;
  /** The YAML. */
  conf: string;
  /** In place of the configuration's own, or where it names none: `file.ts->name`. */
  workflow?: string;
  /** Project folder: whose backbone runs it. */
  project: string;
  cwd?: string;
  env?: Record<string, string>;
  task?: string;
  split?: Split;
  /** Rollouts of each task; one unless asked. */
  repeats?: number;
  tasks?: number;
  concurrency?: number;
  model?: string;
  train?: string[];
  temperature?: number;
  seed?: number;
  replay?: Replay;
  /** A file that holds a rollout as a test: executed from its record. */
  test?: string;
  /** A stored rollout to walk through; nothing runs. */
  inspect?: { dir: string; rollout: string };
  /** Hold at the first model call. */
  stopOnEntry?: boolean;
  /** VS Code's own: run without debugging. */
  noDebug?: boolean;
  /** Node that runs a backbone that has to be started. */
  node?: string;
}

/** Where forks begin to differ: at a call, or within its answer after so many tokens. */
export interface ForkPoint {
  call: number;
  token?: number;
}

export interface DebugEvents {
  /** A worker waits for a debugger there: js-debug is to attach. */
  'tuningFork/inspector': { url: string; pid: number };
  'tuningFork/run': { run: string; dir: string };
  /** Without tokens: those are in the answer to `tuningFork/stop`. */
  'tuningFork/stopped': { threadId: number; stop: Stopped };
  'tuningFork/released': { threadId: number; rollout: string };
  /** Forks of a rollout have ended. */
  'tuningFork/forked': ForkPoint & { run: string; dir: string; parent: string; rewards: (number | null)[] };
}

/** name -> [arguments, answer body] */
export interface DebugRequests {
  /** Lets a held rollout go on; `step`: to its next stop of any kind; `into`: js-debug stops in the code that made the call. */
  'tuningFork/release': [{ threadId: number; decision?: CallDecision; step?: boolean; into?: boolean }, null];
  /** What a thread is stopped at. */
  'tuningFork/stop': [{ threadId: number }, Stopped | null];
  /** Executes the rollout of a thread again from the record up to a call, or a token of its answer, and goes on `forks` times from there. */
  'tuningFork/fork': [ForkPoint & { threadId: number; forks: number }, { run: string; dir: string }];
  /** Where the rollout of a thread is stored. */
  'tuningFork/rollout': [{ threadId: number }, { dir: string; rollout: string }];
  /** Where a frame of the semantic call stack points. */
  'tuningFork/frame': [{ frameId: number }, { dir: string; rollout: string; call?: number; token?: number } | null];
}
