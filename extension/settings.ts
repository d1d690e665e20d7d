/** Every setting, typed; package.json tells people what they mean. */
import * as vscode from 'vscode';

export interface Settings {
  'node.path': string;
  'gpu.url': string;
  'gpu.ssh': string;
  'gpu.python': string;
  'editor.inlineValues': boolean;
  'editor.codeLens': boolean;
  'editor.rejudgeOnSave': boolean;
  'rollouts.repeats': number;
  'rollouts.concurrency': number;
  'testing.threshold': number;
}

export function setting<K extends keyof Settings>(name: K, scope?: vscode.ConfigurationScope): Settings[K] {
  return vscode.workspace.getConfiguration('tuningFork', scope).get(name) as Settings[K];
}
