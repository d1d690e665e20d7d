/** From the debug view to the trace viewer: at the call and the token that were pointed at. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { execute } from '../commands/table.ts';
import { ask, type Held } from './held.ts';
import { pointedAt } from './pointed.ts';

export async function openInViewer(held: Held, clicked: readonly unknown[]): Promise<void> {
  const pointed = await pointedAt(held, clicked);
  if (pointed === undefined) {
    throw new TuningForkError('usage', vscode.l10n.t('No rollout is being debugged.'), { next: vscode.l10n.t('Open one from the view "Runs".') });
  }
  const { session, threadId, at } = pointed;
  await execute('tuningFork.openViewer', { ...await ask(session, 'tuningFork/rollout', { threadId }), ...at }, true);
}
