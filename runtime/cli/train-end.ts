/** What a person reads when a training is over: before and after, where the weights are, what to type next. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import type { TuningForkConfig } from '../protocol/config.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { Followed } from './follow.ts';
import { COMMAND } from './invocation.ts';
import { errPaint, note, paint, print } from './io.ts';
import { t } from './l10n.ts';
import { describeError } from './report.ts';
import { nameOfRun } from './summary.ts';
import { reportLines } from './training-report.ts';
import type { TrainView } from './train-view.ts';

export async function endOfTraining(view: TrainView, { status, state, error }: Followed): Promise<void> {
  if (error !== undefined) note(`${errPaint.red(t('Error:'))} ${describeError(error, errPaint)}`);
  const name = await nameOfRun(status);
  if (view.report !== undefined) {
    const { report, files } = view.report;
    print();
    for (const line of reportLines(report)) print(line);
    print();
    print(`${paint.dim(t('report'))}  ${shown(files.html)}`);
    const weights = report.checkpoints.best ?? report.checkpoints.last;
    if (weights !== null) {
      const folder = shown(join(status.dir, weights));
      print(`\n${t('Use what it has learned:')}`);
      const gpu = existsSync(join(status.dir, weights, 'onnx')) ? '' : ' --set backbone=gpu';
      print(`  ${COMMAND} rollout --conf ${shown(status.info.conf)}${workflowOption(status.info)}${gpu} --split validation --model ${folder}`);
      print(`  ${COMMAND} serve ${folder}`);
    }
  }
  if (state !== 'finished') print(`\n${t('Go on with it:')}\n  ${COMMAND} train --resume --run ${name}`);
}

/** Where the workflow came from the command line, and so isn't in the configuration: its file is absolute then. */
function workflowOption({ config }: RunInfo): string {
  const [file = '', name] = (config as unknown as TuningForkConfig).rollout.user_workflow.split('->');
  return isAbsolute(file) ? ` --workflow '${shown(file)}->${name}'` : '';
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
