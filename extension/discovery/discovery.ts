/** Workflows and configurations of the workspace, found without running any of it. */
import type { Event } from 'vscode';

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
}

/** A YAML with one of our roots. */
export interface FoundConfig {
  file: string;
  project: string;
  /** `user_workflow`, resolved. */
  workflow: { file: string; className: string } | undefined;
  /** A judge of the user's own. */
  judge: { file: string; className: string } | undefined;
}

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
