import * as vscode from 'vscode';
import type { Discovery, FoundConfig, FoundWorkflow } from './discovery.ts';

export class WorkspaceDiscovery implements Discovery, vscode.Disposable {
  readonly ready = Promise.resolve();
  readonly workflows: readonly FoundWorkflow[] = [];
  readonly configs: readonly FoundConfig[] = [];
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.log = log;
  }

  workflowsIn(file: string): readonly FoundWorkflow[] {
    return this.workflows.filter((one) => one.file === file);
  }

  configsOf(workflow: { file: string; className: string }): readonly FoundConfig[] {
    return this.configs.filter((one) => one.workflow?.file === workflow.file && one.workflow.className === workflow.className);
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
