import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';

/** Opens a workflow with the cursor where its author goes on: in the body of `execute`. */
export async function showWorkflow({ sources }: Studio, file: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(file);
  const offset = await sources.ask('body', document.getText(), file);
  const at = document.positionAt(offset ?? 0);
  await vscode.window.showTextDocument(document, { preview: false, selection: new vscode.Range(at, at) });
}
