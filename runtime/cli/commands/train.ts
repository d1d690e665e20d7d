import { existsSync } from 'node:fs';
import { connectBackbone, type BackboneClient } from '../../backbone/client.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { RunInfo } from '../../protocol/trace.ts';
import { findRun, type RunPlace } from '../../trace/index.ts';
import { DEFAULT_CONF, wholeNumber, type Args, type Command } from '../args.ts';
import { asked, runOptions } from '../asked.ts';
import { startAndFollow, watch, type Followed } from '../follow.ts';
import { EXIT } from '../io.ts';
import { JsonView } from '../json-view.ts';
import { t } from '../l10n.ts';
import { projectOf, runsOf } from '../project.ts';
import { exitCodeOf } from '../report.ts';
import { endOfTraining } from '../train-end.ts';
import { TrainView } from '../train-view.ts';
import { tellSummary } from './rollout.ts';

const { temperature: _sampling, conf, ...options } = runOptions;

export const train: Command = {
  name: 'train',
  summary: 'Train the model behind a workflow, on this machine or on a GPU',
  usage: '--conf <yaml> | --resume [--run <run>] | --watch [--run <run>]',
  about: [
    'Reinforcement learning on the training tasks, validated on others. Closing the terminal does not stop it; Ctrl-C saves and stops.',
    'Weights, curves and a report lie in the folder of the run. --resume goes on exactly where it was, with the options it was begun with.',
  ],
  examples: [
    'tuning-fork train --conf examples/countdown/countdown.yaml',
    'tuning-fork train --resume',
    'tuning-fork rollout --conf countdown.yaml --model runs/…/checkpoints/step-40',
  ],
  options: {
    conf: { ...conf!, required: false },
    ...options,
    backbone: { value: 'backbone', help: 'Where: embedded needs no Python, gpu trains larger models (default: backbone in the configuration, else embedded)', choices: ['embedded', 'gpu'] },
    steps: { value: 'n', help: 'Stop after so many steps (default: trainer_common.total_training_steps)', number: wholeNumber(1) },
    resume: { help: 'Go on with a training that was stopped or killed' },
    watch: { help: 'Only look at a training that is running' },
    run: { value: 'run', help: 'With --resume or --watch: which one (default: the latest)' },
    force: { help: 'With --resume: although data, workflow or configuration have changed' },
  },
  run: async (args) => {
    if (args.on('watch')) return watchTraining(args);
    const resumed = args.on('resume') ? await trainingNamed(args) : undefined;
    const file = args.text('conf') ?? resumed?.info.conf ?? (existsSync(DEFAULT_CONF) ? DEFAULT_CONF : undefined);
    if (file === undefined) throw new TuningForkError('usage', t('--{0} <{1}> is missing.', 'conf', 'yaml'), { next: t('Run "{0}".', 'tuning-fork train --help') });
    return runTraining(args, file, resumed);
  },
};

export async function runTraining(args: Args, conf: string, resumed?: RunPlace): Promise<number> {
  const view = viewFor(args);
  const said = asked(args);
  const backbone = args.text('backbone');
  const followed = await startAndFollow(args, {
    kind: 'training', conf, ...said, ...(backbone !== undefined && { set: { ...said.set, backbone } }),
    training: { resume: resumed?.dir, force: args.on('force') || undefined, steps: args.number('steps') },
  }, view);
  return end(view, followed);
}

async function watchTraining(args: Args): Promise<number> {
  const { info } = await trainingNamed(args);
  const client = await connectBackbone({ project: projectOf(args), client: 'cli', startIfAbsent: false });
  const known = client === undefined ? [] : (await client.request('status', null)).runs;
  if (client === undefined || !known.some(({ run }) => run === info.run)) {
    client?.close();
    throw new TuningForkError('usage', t('The training {0} is not running.', info.run), { next: t('"tuning-fork train --resume --run {0}" goes on with it.', info.run) });
  }
  return lookAt(args, client, info.run);
}

/** One that is running, to its end. */
export async function lookAt(args: Args, client: BackboneClient, run: string): Promise<number> {
  const view = viewFor(args);
  const followed = await watch(client, run, view);
  client.close();
  return end(view, followed);
}

function trainingNamed(args: Args): Promise<RunPlace> {
  const kinds: RunInfo['kind'][] = ['training'];
  return findRun(runsOf(args), args.text('run') ?? 'latest', kinds);
}

function viewFor(args: Args): TrainView | JsonView {
  return args.on('json') ? new JsonView() : new TrainView();
}

async function end(view: TrainView | JsonView, followed: Followed): Promise<number> {
  if (view instanceof TrainView) await endOfTraining(view, followed);
  else tellSummary(followed);
  if (followed.interrupted || followed.state === 'cancelled') return EXIT.cancelled;
  return followed.error === undefined ? EXIT.ok : exitCodeOf(followed.error);
}
