/** A folder that is opened starts VS Code's window anew: what to show in it is remembered over that. */
import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';
import { showWorkflow } from './show.ts';

const KEY = 'tuningFork.showAfterOpening';
/** Whoever comes later finds a folder that was opened for other reasons. */
const LONGEST_MS = 120_000;

interface ToShow {
  folder: string;
  file: string;
  until: number;
}

export async function openFolder(studio: Studio, folder: string, file: string): Promise<void> {
  const toShow: ToShow = { folder, file, until: Date.now() + LONGEST_MS };
  await studio.context.globalState.update(KEY, toShow);
  await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(folder), { forceNewWindow: (vscode.workspace.workspaceFolders?.length ?? 0) > 0 });
}

export async function openWhatWasMade(studio: Studio): Promise<void> {
  const toShow = studio.context.globalState.get<ToShow>(KEY);
  if (toShow === undefined || !vscode.workspace.workspaceFolders?.some(({ uri }) => uri.fsPath === toShow.folder)) return;
  await studio.context.globalState.update(KEY, undefined);
  if (Date.now() < toShow.until && existsSync(toShow.file)) await showWorkflow(studio, toShow.file);
}
