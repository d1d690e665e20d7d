/** The exact prompt of a held call: its text as the chat template renders it, and its token ids. Read only. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { Studio } from '../studio.ts';
import { ask, type Held } from './held.ts';

const SCHEME = 'tuning-fork-prompt';
const texts = new Map<string, string>();
let registered = false;

export async function showPrompt({ context }: Studio, held: Held): Promise<void> {
  if (!registered) {
    registered = true;
    context.subscriptions.push(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, { provideTextDocumentContent: (uri) => texts.get(uri.toString()) }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => void texts.delete(uri.toString())),
    );
  }
  const { session, threadId, stop } = held.needCall();
  const { index, role } = stop.call;
  const prompt = (await ask(session, 'tuningFork/stop', { threadId }))?.call?.prompt;
  if (prompt === undefined) {
    throw new TuningForkError('usage', vscode.l10n.t('The model of "{0}" does not tell its tokens, so there is no prompt to show.', role), { next: vscode.l10n.t('Its messages are in the Variables view.') });
  }
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${stop.rollout} call ${index} prompt.txt`, query: `${session.id}-${threadId}-${index}` });
  texts.set(uri.toString(), [
    prompt.text, '', `── ${vscode.l10n.t('{0} token ids', prompt.ids.length)} ──`, ...rows(prompt.ids),
  ].join('\n'));
  await vscode.window.showTextDocument(uri, { preview: true, viewColumn: vscode.ViewColumn.Beside });
}

function rows(ids: readonly number[]): string[] {
  return Array.from({ length: Math.ceil(ids.length / 16) }, (_, row) => `${String(row * 16).padStart(6)}  ${ids.slice(row * 16, row * 16 + 16).join(' ')}`);
}
