import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { RolloutLaunch } from '../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { showError } from '../errors.ts';
import { resolveTarget, saveDirty, type ResolvedTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { absolute } from './configurations.ts';

/** What the adapter needs and nobody wrote: the configuration of what is being looked at, and the project it belongs to. Undefined: not started. */
export async function fillIn(studio: Studio, folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration): Promise<vscode.DebugConfiguration | undefined> {
  try {
    const launch = config as vscode.DebugConfiguration & Partial<RolloutLaunch>;
    const { conf, project, given }: Partial<ResolvedTarget> = launch.conf === undefined ? await resolveTarget(studio) ?? {} : placed(launch.conf, folder);
    if (conf === undefined || project === undefined) return undefined;
    if (launch.inspect === undefined) await saveDirty(project);
    return { ...launch, conf, workflow: launch.workflow === undefined ? given?.workflow : absolute(launch.workflow, folder), project: launch.project === undefined ? project : absolute(launch.project, folder), cwd: launch.cwd === undefined ? undefined : absolute(launch.cwd, folder) };
  } catch (error) {
    void showError(studio, error);
    return undefined;
  }
}

function placed(written: string, folder: vscode.WorkspaceFolder | undefined): { conf: string; project: string } {
  const conf = absolute(written, folder);
  try {
    return { conf, project: projectFolder(dirname(conf)) };
  } catch {
    throw new TuningForkError('config', vscode.l10n.t('There is no file {0}.', conf), { next: vscode.l10n.t('Correct "conf" in launch.json.') });
  }
}
