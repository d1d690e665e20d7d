/** F5 is ours where the active editor shows a workflow or a configuration of one, and nobody has written a launch.json that says otherwise. */
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';

export function followActiveWorkflow(studio: Studio): vscode.Disposable {
  const tell = (): void => {
    const document = vscode.window.activeTextEditor?.document;
    const active = document !== undefined && isOurs(studio, document);
    const launches = vscode.workspace.getConfiguration('launch', document?.uri).get<unknown[]>('configurations', []);
    void vscode.commands.executeCommand('setContext', 'tuningFork.activeWorkflow', active);
    void vscode.commands.executeCommand('setContext', 'tuningFork.ownsF5', active && launches.length === 0);
  };
  tell();
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(tell),
    vscode.workspace.onDidChangeConfiguration((event) => { if (event.affectsConfiguration('launch')) tell(); }),
    studio.discovery.onDidChange(tell),
    vscode.debug.onDidChangeBreakpoints(async ({ added }) => {
      const document = vscode.window.activeTextEditor?.document;
      if (added.length === 0 || document === undefined || !isOurs(studio, document)) return;
      (await import('./warm.ts')).warmUp(studio, document.uri.fsPath);
    }),
  );
}

function isOurs({ discovery }: Studio, document: vscode.TextDocument): boolean {
  const { uri: { scheme, fsPath } } = document;
  if (scheme !== 'file') return false;
  return looksOurs(document) || discovery.workflowsIn(fsPath).length > 0 || discovery.configs.some((config) => config.file === fsPath || config.judge?.file === fsPath);
}

/** Known at once: whoever presses F5 does not wait until the workspace is. */
function looksOurs(document: vscode.TextDocument): boolean {
  const text = document.getText();
  return document.languageId === 'yaml' ? /^(tuning_fork|ajet|astuner):/m.test(text) : document.languageId.startsWith('typescript') && /\bclass\s+\w+\s+extends\s+Workflow\b/.test(text);
}
