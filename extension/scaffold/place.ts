import { basename } from 'node:path';
import * as vscode from 'vscode';
import { choose, type Answer, type Choice, type Where } from './steps.ts';

const BROWSE = Symbol('browse');

/** A folder of the workspace, or any other. `into`: what comes to be in a folder. */
export async function askFolder(where: Where, placeholder: string, dialog: { openLabel: string; title: string }, into: (folder: string) => string): Promise<Answer<string>> {
  const { l10n } = vscode;
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const items: Choice<string | typeof BROWSE>[] = [
    ...folders.map((value) => ({ value, label: `$(folder) ${basename(value)}`, description: into(value) })),
    { value: BROWSE, label: `$(folder-opened) ${l10n.t('Another Folder…')}`, description: l10n.t('opened in a window of its own') },
  ];
  const answer = folders.length === 0 ? BROWSE : await choose(where, placeholder, items);
  if (answer !== BROWSE) return answer;
  const picked = await vscode.window.showOpenDialog({ canSelectFolders: true, canSelectFiles: false, ...dialog });
  return picked?.[0]?.fsPath;
}
