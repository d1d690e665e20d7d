import assert from 'node:assert/strict';
import * as vscode from 'vscode';

export async function run(): Promise<void> {
  const extension = vscode.extensions.getExtension('tuning-fork.tuning-fork');
  assert.ok(extension, 'The extension is not installed.');
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0]!.uri, 'notes.yaml'));
  await vscode.window.showTextDocument(document);
  // Whatever wakes extensions at start has long come by then.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  assert.equal(extension.isActive, false, 'The extension was activated in a workspace that has nothing of ours.');
}
