/** Workflows and configurations of the workspace, found without running any of it. */
import type { Event } from 'vscode';
import type { TuneCall } from '../../runtime/contracts/tuned.ts';
import type { StartRun } from '../../runtime/protocol/backbone.ts';

/** A class that extends `Workflow`, or a function given to `tune`. Lines count from 0, as the editor's do. */
export interface FoundWorkflow {
  file: string;
  className: string;
  exported: boolean;
  /** Line of the class, and of its `execute` if it has one. */
  line: number;
  executeLine: number | undefined;
  /** `trainableTargets` where it is written as a list of texts. */
  trainableTargets: string[] | undefined;
  /** Roles it registers by name. */
  roles: string[];
  /** Lines at which a `WorkflowOutput` is made. */
  outputs: number[];
  /** Of a function: the calls of `tune` that get it. */
  tuned?: TuneCall[];
}

/** A YAML with one of our roots, or one that `tune` is given. A file that it is given with several functions is found with each. */
export interface FoundConfig {
  file: string;
  project: string;
  /** `user_workflow`, resolved. */
  workflow: { file: string; className: string } | undefined;
  /** A judge of the user's own. */
  judge: { file: string; className: string } | undefined;
  given?: Given;
}

/** What the file itself doesn't say, as `tune` has its function beside it: what is started with it has to say so. */
export type Given = { workflow: string } & Pick<StartRun, 'judge' | 'set'>;

export interface Discovery {
  /** Undefined until the first look is over. */
  readonly ready: Promise<void>;
  readonly workflows: readonly FoundWorkflow[];
  readonly configs: readonly FoundConfig[];
  /** Exported classes that extend `Judge`. */
  readonly judges: readonly { file: string; className: string }[];
  readonly onDidChange: Event<void>;
  workflowsIn(file: string): readonly FoundWorkflow[];
  configsOf(workflow: { file: string; className: string }): readonly FoundConfig[];
}
