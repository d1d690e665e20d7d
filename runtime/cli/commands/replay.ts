import { TuningForkError } from '../../protocol/errors.ts';
import type { RolloutRecord } from '../../protocol/trace.ts';
import { openRunReader } from '../../trace/index.ts';
import { wholeNumber, type Command } from '../args.ts';
import { storedRollout } from '../find-run.ts';
import { startAndFollow } from '../follow.ts';
import { decimal } from '../format.ts';
import { asWord, COMMAND } from '../invocation.ts';
import { out, paint, print } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { inOurWords, noteError } from '../report.ts';
import { inOrder, nameOfRun } from '../summary.ts';
import { fit, padEnd, padStart, widthOf } from '../terminal.ts';
import { exitCode, tellSummary, viewFor } from './rollout.ts';

export const replay: Command = {
  name: 'replay',
  summary: 'Run a stored rollout again from its record, or fork it',
  usage: '<rollout> [--run <run>] [--until-call <k> [--until-token <t>]] [--fork <n>]',
  about: [
    'Your code runs again; model calls and Toolkit results come from the record. Where a prompt differs it stops and says how.',
    'With --until-call k only the first k calls come from the record; the rest is sampled. --fork n does that n times.',
    'Tools outside a Toolkit run for real.',
  ],
  examples: ['tuning-fork replay s0t3n1', 'tuning-fork replay s0t3n1 --until-call 2 --fork 8'],
  options: {
    run: { value: 'run', help: 'The run it belongs to (default: the latest rollouts)' },
    'until-call': { value: 'k', help: 'Serve only the first k model calls from the record', number: wholeNumber(0) },
    'until-token': { value: 't', help: 'Keep the first tokens of the next answer too', number: wholeNumber(1) },
    fork: { value: 'n', help: 'How many rollouts go on from there (default: 1 with --until-call)', number: wholeNumber(1) },
    conf: { value: 'yaml', short: 'c', help: 'Another configuration than the one of the run' },
    model: { value: 'path|provider:model', short: 'm', help: 'Sample with another model' },
    temperature: { value: 't', help: 'Sampling temperature after the record; 0 is greedy', number: { integer: false, least: 0 } },
    inspect: { help: 'Open the worker for a debugger and wait until one is attached' },
  },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const { record, dir, conf } = await storedRollout(args, args.words[0]!);
    const untilCall = args.number('until-call');
    const untilToken = args.number('until-token');
    if (untilToken !== undefined && untilCall === undefined) throw new TuningForkError('usage', t('--until-token is about the answer after --until-call.'), { next: t('Give both.') });
    const forks = args.number('fork') ?? (untilCall === undefined ? 0 : 1);
    if (untilCall !== undefined && untilCall >= record.calls.length) {
      throw new TuningForkError('usage', t('{0} has {1}, so nothing would be sampled anew.', record.rollout, plural(record.calls.length, '{0} call', '{0} calls')), {
        next: record.calls.length === 0 ? t('Leave --until-call out.') : t('Give --until-call at most {0}.', record.calls.length - 1),
      });
    }
    const followed = await startAndFollow(args, {
      kind: 'replay', conf: args.text('conf') ?? conf, split: record.split, model: args.text('model'), temperature: args.number('temperature'), inspect: args.on('inspect'),
      replay: { dir, rollout: record.rollout, untilCall: untilCall ?? (forks > 0 ? 0 : undefined), untilToken, forks },
    }, viewFor(args));
    const { error, status } = followed;
    const reader = await openRunReader(status.dir);
    const replayed = await Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
    replayed.sort((a, b) => inOrder(a.rollout, b.rollout));
    if (args.on('json')) tellSummary(followed);
    else if (error !== undefined) noteError(error);
    else if (forks === 0 && replayed[0] !== undefined) reportAgain(record, replayed[0]);
    else reportForks(record, replayed, await nameOfRun(status));
    return exitCode(followed);
  },
};

function reportAgain(parent: RolloutRecord, again: RolloutRecord): void {
  if (again.error !== undefined) return;
  const calls = plural(again.calls.length, '{0} call', '{0} calls');
  const [before, after] = [parent, again].map(({ reward }) => decimal(reward ?? NaN));
  if (parent.status !== 'finished') print(`${paint.yellow('!')} ${t('{0}, which had failed, came to an end: {1} from the record, reward {2}.', parent.rollout, calls, after!)}`);
  else if (again.reward === parent.reward && again.calls.length === parent.calls.length) print(`${paint.green('✓')} ${t('{0} ran again as it was: {1} from the record, reward {2}.', parent.rollout, calls, after!)}`);
  else print(`${paint.yellow('!')} ${t('The same calls, another end: reward {0} where it was {1}.', after!, before!)}`);
}

function reportForks(parent: RolloutRecord, forks: RolloutRecord[], run: string): void {
  const width = Math.max(...[parent, ...forks].map(({ rollout }) => widthOf(rollout)));
  const line = (record: RolloutRecord, more: string): void => print(`  ${padEnd(record.rollout, width)}  ${record.reward === null ? padStart(paint.red('✗'), 6) : padStart(decimal(record.reward), 6)}  ${more}`.trimEnd());
  print();
  line(parent, paint.dim(t('as it was')));
  for (const fork of forks) line(fork, fork.error === undefined ? '' : fork.status === 'cancelled' ? paint.dim(t('cancelled')) : fit(inOurWords(fork.error).message, Math.max(20, out.width - width - 12)));
  const shown = forks.find(({ status }) => status === 'finished');
  if (shown === undefined) return;
  print();
  print(paint.dim(t('One of them, token by token:')));
  print(`  ${COMMAND} runs show ${asWord(run)} --rollout ${shown.rollout} --tokens`);
}
