/** An update puts the extension into another folder, and projects made before name the old one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';
import { namesLostPackage } from './lost-package.ts';

export async function mendLinks({ discovery, log }: Studio): Promise<void> {
  if (!vscode.workspace.isTrusted) return;
  for (const project of new Set(discovery.configs.map(({ project }) => project))) {
    if (existsSync(join(project, 'node_modules/tuning-fork/package.json')) || !await namesLostPackage(project)) continue;
    const { relink } = await import('../../runtime/cli/init/scaffold.ts');
    await relink(project);
    log.info(`linked ${project} to this version`);
  }
}
