/** What can be done with a training: pause it, stop it, go on with it. */
import * as vscode from 'vscode';
import { execute, type Commands, type RunPlace } from '../commands/table.ts';
import { givenIn } from '../discovery/given.ts';
import { NothingYetError, showError } from '../errors.ts';
import { isSameFile } from '../real-path.ts';
import type { Studio } from '../studio.ts';
import { storedTraining, type StoredTraining } from './checkpoints.ts';
import { chooseUnderWay, pickStored, pickTraining, storedTrainings } from './choose.ts';
import { isOver, type Training } from './progress.ts';
import { follow, startTraining } from './start.ts';
import { stateText } from './status-bar.ts';
import type { Trainings } from './trainings.ts';

export async function pause({ backbones }: Studio, trainings: Trainings, place?: RunPlace): Promise<void> {
  const training = await chooseUnderWay(trainings, place, ({ state }) => state === 'running');
  if (training !== undefined) await backbones.request(training.project, 'pause', { run: training.run });
}

/** Of one that stands still; what has ended is continued instead. */
export async function resume(studio: Studio, trainings: Trainings, place?: RunPlace): Promise<void> {
  if (place !== undefined && !trainings.under.some(({ dir }) => dir === place.dir)) return continueTraining(studio, trainings, place);
  const training = await chooseUnderWay(trainings, place, ({ state }) => state === 'paused');
  if (training !== undefined) await studio.backbones.request(training.project, 'resume', { run: training.run });
}

/** It saves what it has learned first: some seconds. */
export async function stop({ backbones }: Studio, trainings: Trainings, place?: RunPlace): Promise<void> {
  const training = await chooseUnderWay(trainings, place);
  if (training === undefined) return;
  const title = vscode.l10n.t('Stopping the training of {0}: it saves what it has learned…', training.info.workflow);
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => backbones.request(training.project, 'cancel', { run: training.run }));
}

export async function checkpointNow({ backbones }: Studio, trainings: Trainings, place?: RunPlace): Promise<void> {
  const training = await chooseUnderWay(trainings, place);
  if (training === undefined) return;
  const title = vscode.l10n.t('Saving a checkpoint…');
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => backbones.request(training.project, 'checkpoint', { run: training.run }));
  vscode.window.setStatusBarMessage(`$(save) ${vscode.l10n.t('Saved: {0}', training.checkpoints.at(-1)?.name ?? training.run)}`, 5_000);
}

/** Exactly where it was, or a new training from weights that it kept. */
export async function continueTraining(studio: Studio, trainings: Trainings, place?: RunPlace): Promise<void> {
  const stored = place === undefined ? await chooseStored(studio, trainings) : await storedTraining(place.project, place.dir);
  if (stored === undefined) {
    if (place !== undefined) throw new NothingYetError('training', vscode.l10n.t('The training {0} has kept nothing to go on from.', place.run), vscode.l10n.t('"Start Training" begins one.'));
    return;
  }
  const onward = { label: vscode.l10n.t('Go On Where It Was'), description: vscode.l10n.t('after step {0}', stored.step), model: undefined };
  const anew = stored.checkpoints.map(({ name, best, path }) => ({
    label: vscode.l10n.t('New Training from {0}', name), description: best ? vscode.l10n.t('best') : '', model: path,
  }));
  // One that was cut short is gone on with; of one that came to its end both may be meant.
  const cut = stored.info.state !== 'finished';
  const chosen = place !== undefined && cut ? onward : await vscode.window.showQuickPick([...(cut ? [onward] : []), ...anew], { title: vscode.l10n.t('Continue Training') });
  if (chosen === undefined) return;
  if (chosen.model === undefined) await goOn(studio, stored);
  else await startTraining(studio, trainings, { conf: stored.info.conf, workflow: studio.discovery.configs.find(({ file, workflow }) => isSameFile(file, stored.info.conf) && workflow?.className === stored.info.workflow)?.workflow, model: chosen.model });
}

async function chooseStored(studio: Studio, trainings: Trainings): Promise<StoredTraining | undefined> {
  const under = new Set(trainings.under.map(({ dir }) => dir));
  const stored = (await storedTrainings(studio)).filter(({ dir }) => !under.has(dir));
  if (stored.length > 0) return pickStored(stored, vscode.l10n.t('Which training goes on?'));
  throw new NothingYetError('training', vscode.l10n.t('There is no training to go on with.'), vscode.l10n.t('"Start Training" begins one.'));
}

export async function goOn(studio: Studio, { project, dir, info }: StoredTraining, force?: boolean): Promise<void> {
  const title = vscode.l10n.t('Resume Training');
  try {
    await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, (progress, token) => {
      progress.report({ message: vscode.l10n.t('starting the trainer…') });
      return follow(studio, project, { kind: 'training', conf: info.conf, workflow: givenIn(studio.discovery.configs, info)?.workflow, training: { resume: dir, force } }, progress, token);
    });
  } catch (error) {
    await showError(studio, error);
  }
}

/** Behind the status bar: the training that is shown there, and the others. */
export async function showTrainings(studio: Studio, trainings: Trainings): Promise<void> {
  const shown = trainings.under.at(-1) ?? trainings.all.findLast(({ state }) => state === 'interrupted');
  if (shown === undefined) return continueTraining(studio, trainings);
  await actions(shown, trainings);
}

async function actions(training: Training, trainings: Trainings): Promise<void> {
  const others = trainings.all.filter((one) => one !== training);
  const entry = <K extends keyof Commands>(icon: string, label: string, command: K, ...args: Commands[K]) => ({ label: `$(${icon}) ${label}`, run: (): unknown => execute(command, ...args) });
  const underWay = !isOver(training);
  const items: (vscode.QuickPickItem & { run?(): unknown })[] = [
    ...(training.state === 'running' ? [entry('debug-pause', vscode.l10n.t('Pause'), 'tuningFork.pauseTraining', training)] : []),
    ...(training.state === 'paused' ? [entry('debug-continue', vscode.l10n.t('Resume'), 'tuningFork.resumeTraining', training)] : []),
    ...(underWay ? [
      entry('save', vscode.l10n.t('Save Checkpoint Now'), 'tuningFork.saveCheckpoint', training),
      entry('debug-stop', vscode.l10n.t('Stop'), 'tuningFork.stopTraining', training),
    ] : [entry('debug-rerun', vscode.l10n.t('Resume Training'), 'tuningFork.continueTraining', training)]),
    entry('graph-line', vscode.l10n.t('Open Dashboard'), 'tuningFork.openDashboard', training),
    { label: `$(list-tree) ${vscode.l10n.t('Show in Runs')}`, run: () => vscode.commands.executeCommand('tuningFork.runs.focus') },
    ...(training.report === undefined ? [] : [entry('graph', vscode.l10n.t('Show Report'), 'tuningFork.showReport', training)]),
    ...(others.length === 0 ? [] : [
      { label: '', kind: vscode.QuickPickItemKind.Separator },
      { label: vscode.l10n.t('Another Training…'), run: async () => {
        const other = await pickTraining(others);
        if (other !== undefined) await actions(other, trainings);
      } },
    ]),
  ];
  const picked = await vscode.window.showQuickPick(items, { title: `${training.info.workflow} · ${stateText(training)}` });
  await picked?.run?.();
}
