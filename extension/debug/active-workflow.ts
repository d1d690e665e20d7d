/** F5 is ours where the active editor shows a workflow or a configuration of one, and nobody has written a launch.json that says otherwise. */
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';

export function followActiveWorkflow(studio: Studio): vscode.Disposable {
  const tell = (): void => {
    const document = vscode.window.activeTextEditor?.document;
    const active = document?.uri.scheme === 'file' && isOurs(studio, document.uri.fsPath);
    const launches = vscode.workspace.getConfiguration('launch', document?.uri).get<unknown[]>('configurations', []);
    void vscode.commands.executeCommand('setContext', 'tuningFork.activeWorkflow', active);
    void vscode.commands.executeCommand('setContext', 'tuningFork.ownsF5', active && launches.length === 0);
  };
  tell();
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(tell),
    vscode.workspace.onDidChangeConfiguration((event) => { if (event.affectsConfiguration('launch')) tell(); }),
    studio.discovery.onDidChange(tell),
  );
}

function isOurs({ discovery }: Studio, file: string): boolean {
  return discovery.workflowsIn(file).length > 0 || discovery.configs.some((config) => config.file === file || config.judge?.file === file);
}
