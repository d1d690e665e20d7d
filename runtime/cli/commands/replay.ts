import { join } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import type { RolloutRecord } from '../../protocol/trace.ts';
import { findRun, openRunReader } from '../../trace/index.ts';
import type { Args, Command } from '../args.ts';
import { connect, environment, projectOf } from '../connect.ts';
import { follow } from '../follow.ts';
import { describeError, EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { decimal } from '../statistics.ts';

export const replay: Command = {
  name: 'replay',
  summary: 'Run a stored rollout again from its record, or fork it',
  usage: '<rollout> [--run <run>] [--until-call k] [--fork n]',
  about: [
    'Your code runs again; model calls and Toolkit results come from the record. Where a prompt differs it stops and says how.',
    'With --until-call k only the first k calls come from the record; the rest is sampled. --fork n does that n times.',
    'Tools outside a Toolkit run for real.',
  ],
  examples: ['tuning-fork replay s0t3n1', 'tuning-fork replay s0t3n1 --until-call 2 --fork 8'],
  options: {
    run: { value: 'run', help: 'The run it belongs to (default: the latest)' },
    'until-call': { value: 'k', help: 'Serve only the first k model calls from the record', number: 'integer' },
    fork: { value: 'n', help: 'How many rollouts go on from there (default: 1 with --until-call)', number: 'integer' },
    conf: { value: 'yaml', short: 'c', help: 'Another configuration than the one of the run' },
    model: { value: 'path|provider:model', short: 'm', help: 'Sample with another model' },
    temperature: { value: 't', help: 'Sampling temperature after the record; 0 is greedy', number: 'real' },
    inspect: { help: 'Open the worker for a debugger and wait until one is attached' },
  },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const found = await storedRollout(args, args.words[0]!);
    const untilCall = args.number('until-call');
    const forks = args.number('fork') ?? (untilCall === undefined ? 0 : 1);
    const client = await connect(args);
    const { run } = await client.request('start', {
      kind: 'replay', conf: args.text('conf') ?? found.conf, env: environment(), cwd: process.cwd(), split: found.record.split,
      model: args.text('model'), temperature: args.number('temperature'), inspect: args.on('inspect'),
      replay: { dir: found.dir, rollout: found.record.rollout, untilCall: untilCall ?? (forks > 0 ? 0 : undefined), forks },
    });
    const followed = await follow(client, run, { json: args.on('json'), owner: true });
    client.close();
    const reader = await openRunReader(followed.status.dir);
    const replayed = await Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
    if (args.on('json')) printJson({ type: 'replayed', run, rollouts: replayed.map(({ rollout, reward, status, error }) => ({ rollout, reward, status, error })) });
    else report(found.record, replayed, forks, run);
    if (followed.interrupted) return EXIT.cancelled;
    return followed.state === 'finished' && replayed.every(({ status }) => status === 'finished') ? EXIT.ok : EXIT.failed;
  },
};

/** `s0t3n1` of the latest run, of the one named, or `<run>/s0t3n1`. */
async function storedRollout(args: Args, word: string): Promise<{ record: RolloutRecord; dir: string; conf: string }> {
  const cut = word.lastIndexOf('/');
  const root = join(projectOf(args), 'runs');
  const { dir, info } = await findRun(root, cut === -1 ? args.text('run') ?? 'latest' : word.slice(0, cut));
  const reader = await openRunReader(dir);
  const id = word.slice(cut + 1);
  if (reader.find(id) < 0) {
    throw new TuningForkError('usage', t('There is no rollout {0} in {1}.', id, info.run), { next: t('"tuning-fork runs show {0} --json" lists them.', info.run) });
  }
  return { record: await reader.read(id), dir, conf: info.conf };
}

function report(parent: RolloutRecord, replayed: RolloutRecord[], forks: number, run: string): void {
  print();
  if (forks === 0) {
    const again = replayed[0];
    if (again === undefined) return;
    if (again.error !== undefined) return print(`${paint.red('✗')} ${describeError(again.error, paint)}`);
    const same = again.reward === parent.reward && again.calls.length === parent.calls.length;
    print(same
      ? `${paint.green('✓')} ${t('{0} ran again as it was: {1} calls from the record, reward {2}.', parent.rollout, again.calls.length, decimal(again.reward ?? NaN))}`
      : `${paint.yellow('!')} ${t('The same calls, another end: reward {0} where it was {1}.', decimal(again.reward ?? NaN), decimal(parent.reward ?? NaN))}`);
    return;
  }
  print(`${padded(parent.rollout)} ${decimal(parent.reward ?? NaN).padStart(7)}  ${paint.dim(t('as it was'))}`);
  for (const fork of replayed) {
    print(`${padded(fork.rollout)} ${fork.error === undefined ? decimal(fork.reward ?? NaN).padStart(7) : paint.red('      ✗')}  ${fork.error === undefined ? '' : describeError({ ...fork.error, stack: undefined }, paint)}`);
  }
  print();
  print(`  tuning-fork runs show ${run} --rollout ${replayed[0]?.rollout ?? ''}`);
}

function padded(text: string): string {
  return paint.bold(text.padEnd(14));
}
