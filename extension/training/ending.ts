/** How a training ended, told once, with what can be done next. */
import * as vscode from 'vscode';
import { execute } from '../commands/table.ts';
import { showError, type Fix } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { storedReport, storedTraining } from './checkpoints.ts';
import { stepOf, type Training } from './progress.ts';
import { beforeAfter } from './texts.ts';
import type { Trainings } from './trainings.ts';

export async function tellEnd(studio: Studio, trainings: Trainings, training: Training): Promise<void> {
  await trainings.told(training.dir);
  if (training.state === 'finished' || training.state === 'cancelled') return tellResult(training);
  if (training.state === 'interrupted') return tellLoss(studio, training);
  const refused = training.error?.code === 'usage' && training.error.next?.includes('--force');
  await showError(studio, training.error ?? { code: 'training', message: vscode.l10n.t('The training of {0} failed.', training.info.workflow) }, [refused ? forceFix(studio, training) : resumeFix(training)]);
}

async function tellResult(training: Training): Promise<void> {
  const { info, state, dir } = training;
  const { report, files } = training.report ?? await storedReport(dir) ?? {};
  const figures = report === undefined ? undefined : beforeAfter(report);
  const sentence = state === 'finished'
    ? vscode.l10n.t('{0} is trained: {1} steps.', info.workflow, report?.steps ?? stepOf(training))
    : vscode.l10n.t('The training of {0} was stopped after step {1}; what it learned is kept.', info.workflow, stepOf(training));
  const weights = (await storedTraining(training.project, dir))?.checkpoints;
  const best = (weights?.find((one) => one.best) ?? weights?.[0])?.path;
  await offer(vscode.window.showInformationMessage, [sentence, figures === undefined ? undefined : vscode.l10n.t('Reward on validation tasks: {0}.', figures)], [
    ...(files === undefined ? [] : [{ title: vscode.l10n.t('Show Report'), run: () => execute('tuningFork.showReport', training) }]),
    ...(best === undefined ? [] : [
      { title: vscode.l10n.t('Use Checkpoint'), run: () => execute('tuningFork.useCheckpoint', best) },
      { title: vscode.l10n.t('Serve'), run: () => execute('tuningFork.serveCheckpoint', best) },
    ]),
    ...(state === 'finished' ? [] : [resumeFix(training)]),
  ]);
}

async function tellLoss({ log }: Studio, training: Training): Promise<void> {
  const step = (await storedTraining(training.project, training.dir))?.step ?? 0;
  await offer(vscode.window.showWarningMessage, [
    vscode.l10n.t('The process that trained {0} is gone. Nothing of its {1} steps is lost.', training.info.workflow, step),
  ], [resumeFix(training), { title: vscode.l10n.t('Show the Log'), run: () => log.show() }]);
}

function resumeFix(training: Training): Fix {
  return { title: vscode.l10n.t('Resume Training'), run: () => execute('tuningFork.continueTraining', training) };
}

/** What it depends on has changed: its curve is then no longer that of one run. */
function forceFix(studio: Studio, { project, dir }: Training): Fix {
  return {
    title: vscode.l10n.t('Go On All the Same'),
    run: async () => {
      const stored = await storedTraining(project, dir);
      if (stored !== undefined) await (await import('./control.ts')).goOn(studio, stored, true);
    },
  };
}

async function offer(show: (text: string, ...items: string[]) => Thenable<string | undefined>, sentences: (string | undefined)[], fixes: Fix[]): Promise<void> {
  const chosen = await show(withoutLinks(sentences.filter(Boolean).join(' ')), ...fixes.map(({ title }) => title));
  await fixes.find(({ title }) => title === chosen)?.run();
}
