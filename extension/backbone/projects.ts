/** The projects of this workspace: each has a backbone and runs of its own. */
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { Studio } from '../studio.ts';

export function projectsOf({ discovery }: Studio): string[] {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  return [...new Set([...folders.map(({ uri }) => projectFolder(uri.fsPath)), ...discovery.configs.map(({ project }) => project)])];
}
