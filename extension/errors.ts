/** Errors as a person sees them: a sentence, the next step, and the place one click away. */
import * as vscode from 'vscode';
import { errorInfo, type ErrorInfo, type Place } from '../runtime/protocol/errors.ts';
import type { Studio } from './studio.ts';

export async function showError(studio: Studio, error: unknown): Promise<void> {
  if (error instanceof vscode.CancellationError) return;
  const info = isErrorInfo(error) ? error : errorInfo(error);
  studio.log.error(info.message, info.stack ?? '', info.next ?? '');
  const open = vscode.l10n.t('Show the Place');
  const log = vscode.l10n.t('Show the Log');
  const actions = [...(info.where === undefined ? [] : [open]), ...(info.code === 'internal' || info.code === 'backbone' ? [log] : [])];
  const chosen = await vscode.window.showErrorMessage([info.message, info.next].filter(Boolean).join(' '), ...actions);
  if (chosen === open) await showPlace(info.where!);
  if (chosen === log) studio.log.show();
}

export async function showPlace({ file, line = 1, column = 1 }: Place, options: vscode.TextDocumentShowOptions = {}): Promise<void> {
  const at = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, at), ...options });
}

function isErrorInfo(error: unknown): error is ErrorInfo {
  return !(error instanceof Error) && typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}
