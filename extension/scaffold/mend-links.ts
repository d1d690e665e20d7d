/** An update puts the extension into another folder, and projects made before name the old one. */
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';
import { findsPackage, namesLostPackage } from './package.ts';

export async function mendLinks({ discovery, log }: Studio): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  for (const project of new Set(discovery.configs.map(({ project }) => project))) {
    if (findsPackage(project) || !namesLostPackage(project)) continue;
    const { addPackage } = await import('../../runtime/cli/init/scaffold.ts');
    await addPackage(project);
    log.info(`linked ${project} to this version`);
  }
}
