/** What a person reads when a training is over: before and after, where the weights are, what to type next. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunInfo } from '../protocol/trace.ts';
import type { TrainingReport } from '../protocol/training.ts';
import { REPORT } from '../training/report.ts';
import { STATE_FILE } from '../training/state.ts';
import type { Followed } from './follow.ts';
import { asWord, COMMAND, confWords, shown } from './invocation.ts';
import { note, paint, print } from './io.ts';
import { t } from './l10n.ts';
import { noteError } from './report.ts';
import { nameOfRun } from './summary.ts';
import { reportLines } from './training-report.ts';
import type { TrainView } from './train-view.ts';

export async function endOfTraining(view: TrainView, { status, state, error }: Followed): Promise<void> {
  if (error !== undefined) noteError(error);
  const name = await nameOfRun(status);
  if (view.report !== undefined) printReport(view.report.report, status);
  // Before its first step there is nothing to go on with; what is wrong has to be mended first.
  if (state === 'finished' || (error !== undefined && !view.stepped)) return;
  if (existsSync(join(status.dir, STATE_FILE))) printResume(name);
  else note(t('Stopped before it had begun.'));
}

/** One that is over, later on; false where it came to no report. */
export async function showTraining(dir: string, info: RunInfo): Promise<boolean> {
  const file = join(dir, REPORT.json);
  if (info.state === 'running' || !existsSync(file)) return false;
  if (info.error !== undefined) noteError(info.error);
  printReport(JSON.parse(await readFile(file, 'utf8')) as TrainingReport, { dir, info });
  if (info.state !== 'finished') printResume(await nameOfRun({ run: info.run, dir }));
  return true;
}

function printReport(report: TrainingReport, { dir, info }: { dir: string; info: RunInfo }): void {
  print();
  for (const line of reportLines(report)) print(line);
  print();
  print(`${paint.dim(t('report'))}  ${shown(join(dir, REPORT.html))}`);
  const weights = report.checkpoints.best ?? report.checkpoints.last;
  if (weights === null) return;
  const folder = asWord(shown(join(dir, weights)));
  print(`\n${t('Use what it has learned:')}`);
  const gpu = existsSync(join(dir, weights, 'onnx')) ? '' : ' --set backbone=gpu';
  print(`  ${COMMAND} rollout ${confWords(info)}${gpu} --split validation --model ${folder}`);
  print(`  ${COMMAND} serve ${folder}`);
}

function printResume(name: string): void {
  print(`\n${t('Go on with it:')}\n  ${COMMAND} train --resume --run ${asWord(name)}`);
}
