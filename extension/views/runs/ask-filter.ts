/** Asks which rollouts are to be seen. */
import * as vscode from 'vscode';
import { WORDS } from './filter.ts';

export function askFilter(current: string): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: vscode.l10n.t('Filter Rollouts'),
    value: current,
    placeHolder: 'reward<0.5 error:timeout training-3',
    prompt: vscode.l10n.t('Words that must all fit: reward<0.5, reward>=1, reward:none, error:timeout, a part of a task, or {0}. Empty: all.', WORDS.join(', ')),
  });
}
