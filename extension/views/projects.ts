/** The projects of this window: those of its folders, and those of the configurations in them. */
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { Studio } from '../studio.ts';

export async function projectsOf({ discovery }: Studio): Promise<string[]> {
  await discovery.ready;
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => projectFolder(uri.fsPath));
  return [...new Set([...folders, ...discovery.configs.map(({ project }) => project)])];
}
