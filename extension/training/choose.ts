/** Which training and which weights are meant, asked only where there are several. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { RunPlace } from '../commands/table.ts';
import { NothingYetError } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { projectsOf } from '../views/projects.ts';
import { trainingsOf, type StoredTraining } from './checkpoints.ts';
import { stepOf, type Training } from './progress.ts';
import { stateText } from './status-bar.ts';
import { figure } from './texts.ts';
import type { Trainings } from './trainings.ts';

/** One of those under way; the one that was clicked, if one was. */
export async function chooseUnderWay(trainings: Trainings, place: RunPlace | undefined, fits: (training: Training) => boolean = () => true): Promise<Training | undefined> {
  const fitting = trainings.under.filter(fits);
  if (place !== undefined) {
    const meant = fitting.find(({ dir }) => dir === place.dir);
    if (meant !== undefined) return meant;
    throw new TuningForkError('usage', vscode.l10n.t('The training {0} is not under way.', place.run), { next: vscode.l10n.t('"Continue Training" goes on with it.') });
  }
  if (fitting.length > 1) return pickTraining(fitting);
  if (fitting.length === 1) return fitting[0];
  throw new NothingYetError('training', vscode.l10n.t('No such training is under way.'), vscode.l10n.t('"Start Training" begins one.'));
}

export async function pickTraining(trainings: readonly Training[]): Promise<Training | undefined> {
  const items = trainings.toReversed().map((training) => ({
    label: training.info.workflow, description: training.run,
    detail: `${stateText(training)} · ${vscode.l10n.t('step {0}', stepOf(training))} · ${vscode.l10n.t('reward {0}', figure(training.steps.at(-1)?.rewardMean))}`, training,
  }));
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Which training?') }))?.training;
}

/** All trainings that lie in the projects of this workspace, newest first. */
export async function storedTrainings(studio: Studio): Promise<StoredTraining[]> {
  const stored = await Promise.all((await projectsOf(studio)).map(trainingsOf));
  return stored.flat().sort((a, b) => (a.info.created < b.info.created ? 1 : -1));
}

export async function pickStored(trainings: readonly StoredTraining[], title: string): Promise<StoredTraining | undefined> {
  if (trainings.length === 1) return trainings[0];
  const items = trainings.map((training) => ({
    label: training.info.workflow, description: training.run, detail: vscode.l10n.t('step {0}, {1} checkpoints', training.step, training.checkpoints.length), training,
  }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.training;
}

/** A folder of weights: kept by a training (`of`: by this one), or any other. */
export async function chooseCheckpoint(studio: Studio, title: string, { of, embedded = false }: { of?: RunPlace | undefined; embedded?: boolean } = {}): Promise<string | undefined> {
  const trainings = (await storedTrainings(studio)).filter(({ dir, checkpoints }) => checkpoints.length > 0 && (of === undefined || dir === of.dir));
  const [only, ...others] = of === undefined ? [] : trainings.flatMap(({ checkpoints }) => checkpoints);
  if (only !== undefined && others.length === 0) return only.path;
  const browse = vscode.l10n.t('Another Folder…');
  const items: (vscode.QuickPickItem & { path?: string })[] = [
    ...(embedded ? [{ label: 'embedded', description: vscode.l10n.t('the model that ships'), path: 'embedded' }] : []),
    ...trainings.flatMap(({ info, run, checkpoints }) => [
      { label: `${info.workflow} · ${run}`, kind: vscode.QuickPickItemKind.Separator },
      ...checkpoints.map(({ name, best, path }) => ({ label: name, description: best ? vscode.l10n.t('best') : '', detail: vscode.workspace.asRelativePath(path), path })),
    ]),
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    { label: browse, alwaysShow: true },
  ];
  const picked = await vscode.window.showQuickPick(items, { title, matchOnDescription: true, matchOnDetail: true });
  if (picked?.label !== browse) return picked?.path;
  const folders = await vscode.window.showOpenDialog({ canSelectFolders: true, canSelectFiles: false, canSelectMany: false, title, openLabel: vscode.l10n.t('Use These Weights') });
  return folders?.[0]?.fsPath;
}
