/** Gives a project the package, as a new one has it: this extension's own copy, without network or npm. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { addPackage } from '../../runtime/cli/init/scaffold.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { requireTrust } from '../backbone/backbones.ts';
import { findsPackage } from './package.ts';

/** `file`: one that imports it. */
export async function addPackageFor(file = vscode.window.activeTextEditor?.document.uri.fsPath): Promise<void> {
  requireTrust();
  const project = file === undefined ? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath : projectOf(file);
  if (project === undefined) throw new TuningForkError('usage', vscode.l10n.t('No folder is open.'), { next: vscode.l10n.t('Open the folder of your project.') });
  if (findsPackage(project)) {
    throw new TuningForkError('usage', vscode.l10n.t('The project {0} has tuning-fork already.', project), {
      next: vscode.l10n.t('Where TypeScript does not find it, its tsconfig.json needs "module": "nodenext".'),
    });
  }
  await addPackage(project);
  vscode.window.setStatusBarMessage(`$(package) ${vscode.l10n.t('tuning-fork is in this project now, with its types.')}`, 5_000);
}

/** Where nothing says what the project is, it is the folder that is open. */
function projectOf(file: string): string {
  const found = projectFolder(dirname(file));
  return existsSync(join(found, 'package.json')) ? found : vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file))?.uri.fsPath ?? found;
}
