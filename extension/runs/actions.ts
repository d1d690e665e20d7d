/** What can be done with a run that is there: cancel, delete, reveal. */
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { deleteRun, readRunInfo } from '../../runtime/trace/index.ts';
import { requireTrust } from '../backbone/backbones.ts';
import type { RolloutPlace, RunPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { stateOf } from '../views/runs/library.ts';
import { pickRollout, pickRun } from './pick.ts';

/** What has finished is kept. */
export async function cancelRun(studio: Studio, place?: RunPlace): Promise<void> {
  requireTrust();
  const { backbones } = studio;
  const [only, ...others] = backbones.live;
  const run = place ?? (only !== undefined && others.length === 0 ? only : await pickRun(studio, vscode.l10n.t('Cancel which run?'), (state) => state === 'running'));
  if (run === undefined) return;
  if (!backbones.live.some(({ dir }) => dir === run.dir)) await backbones.reattach(run.project);
  await backbones.request(run.project, 'cancel', { run: run.run });
}

/** To the trash where there is one. `several`: what is selected, the one pointed at among them. */
export async function deleteRuns(studio: Studio, place?: RunPlace, several?: readonly RunPlace[]): Promise<void> {
  const pointedAt = place ?? await pickRun(studio, vscode.l10n.t('Delete which run?'), (state) => state !== 'running');
  if (pointedAt === undefined) return;
  const runs = several !== undefined && several.some(({ dir }) => dir === pointedAt.dir) ? several.filter(({ run }) => run !== undefined) : [pointedAt];
  for (const { dir, run } of runs) {
    if (stateOf(await readRunInfo(dir)) === 'running') throw new TuningForkError('usage', vscode.l10n.t('Run {0} is going on, so it is not deleted.', run), { next: vscode.l10n.t('Cancel it first.') });
  }
  // A machine far away has no trash for us.
  const trash = vscode.env.remoteName === undefined && vscode.env.uiKind === vscode.UIKind.Desktop;
  const remove = trash ? vscode.l10n.t('Move to Trash') : vscode.l10n.t('Delete');
  const question = runs.length === 1 ? vscode.l10n.t('Delete run {0} with everything in it?', runs[0]!.run) : vscode.l10n.t('Delete {0} runs with everything in them?', runs.length);
  const detail = vscode.l10n.t('Traces, metrics and checkpoints.');
  const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail: trash ? `${detail} ${vscode.l10n.t('They can be restored from the trash.')}` : `${detail} ${forGood()}` }, remove);
  if (chosen !== remove) return;
  for (const { dir } of runs) await (trash ? moveToTrash(dir) : deleteForGood(dir));
}

const forGood = (): string => vscode.l10n.t('What is deleted now cannot be restored.');

async function moveToTrash(dir: string): Promise<void> {
  // Nothing but a run's own folder is ever removed.
  await readRunInfo(dir);
  try {
    await vscode.workspace.fs.delete(vscode.Uri.file(dir), { recursive: true, useTrash: true });
  } catch {
    const remove = vscode.l10n.t('Delete');
    const chosen = await vscode.window.showWarningMessage(vscode.l10n.t('There is no trash here for {0}.', basename(dir)), { modal: true, detail: forGood() }, remove);
    if (chosen === remove) await deleteForGood(dir);
  }
}

/** One whose process died still says that it is running. */
function deleteForGood(dir: string): Promise<void> {
  return deleteRun(join(dir, '../../..'), dir, { evenIfRunning: true });
}

export async function revealRun(studio: Studio, place?: RunPlace): Promise<void> {
  const run = place ?? await pickRun(studio, vscode.l10n.t('Reveal which run?'));
  if (run === undefined) return;
  const uri = vscode.Uri.file(join(run.dir, 'run.json'));
  // A browser has no file manager.
  await vscode.commands.executeCommand(vscode.env.uiKind === vscode.UIKind.Web || vscode.env.remoteName !== undefined ? 'revealInExplorer' : 'revealFileInOS', uri);
}

/** In the form that the command line takes. */
export async function copyId(studio: Studio, place?: RunPlace | RolloutPlace): Promise<void> {
  const what = place ?? await pickRollout(studio, vscode.l10n.t('Copy the id of which rollout?'));
  if (what === undefined) return;
  const run = basename(what.dir);
  await vscode.env.clipboard.writeText('rollout' in what && typeof what.rollout === 'string' ? `${run}/${what.rollout}` : run);
}
