import * as vscode from 'vscode';

/** Opens a workflow with the cursor where its author goes on: in the body of `execute`. */
export async function showWorkflow(file: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(file);
  const { bodyOfExecute } = await import('../language/contracts.ts');
  const offset = bodyOfExecute(document.getText(), file);
  const at = document.positionAt(offset ?? 0);
  await vscode.window.showTextDocument(document, { preview: false, selection: new vscode.Range(at, at) });
}
