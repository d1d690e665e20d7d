/** Launch configurations: those a person wrote, filled in; those that need not be written. */
import { isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { DEBUG_TYPE } from '../../runtime/protocol/debug.ts';
import { smallDrive } from '../../runtime/protocol/paths.ts';
import type { Studio } from '../studio.ts';

export function rolloutConfigurations(studio: Studio): vscode.DebugConfigurationProvider {
  return {
    provideDebugConfigurations: (folder) => configurations(studio, folder),
    /** Empty: nobody has written one. */
    resolveDebugConfiguration: (_folder, config) => (config.type === undefined ? { ...config, type: DEBUG_TYPE, request: 'launch', name: vscode.l10n.t('Debug Rollouts') } : config),
    async resolveDebugConfigurationWithSubstitutedVariables(folder, config) {
      const { fillIn } = await import('./fill-in.ts');
      return fillIn(studio, folder, config);
    },
  };
}

/** Offered by "Select and Start Debugging" without a launch.json. */
export function dynamicConfigurations(studio: Studio): vscode.DebugConfigurationProvider {
  return { provideDebugConfigurations: (folder) => configurations(studio, folder) };
}

async function configurations({ discovery }: Studio, folder: vscode.WorkspaceFolder | undefined): Promise<vscode.DebugConfiguration[]> {
  await discovery.ready;
  const found = discovery.configs.filter(({ file, workflow }) => workflow !== undefined && (folder === undefined || vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) === folder));
  const written = (path: string): string => (folder === undefined ? path : `\${workspaceFolder}/${vscode.workspace.asRelativePath(path, false)}`);
  return found.map(({ file, workflow, given }) => ({
    type: DEBUG_TYPE, request: 'launch', name: vscode.l10n.t('Debug {0}', workflow!.className),
    conf: written(file), ...(given !== undefined && { workflow: `${written(workflow!.file)}->${workflow!.className}` }),
  }));
}

/** A path of a launch.json is meant from its folder. Of those VS Code fills in, `${workspaceFolder}` has the drive as a capital, unlike its documents. */
export function absolute(path: string, folder: vscode.WorkspaceFolder | undefined): string {
  return smallDrive(isAbsolute(path) || folder === undefined ? path : join(folder.uri.fsPath, path));
}
