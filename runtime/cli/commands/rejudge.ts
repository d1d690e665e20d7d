import { openRunReader } from '../../trace/index.ts';
import type { Command } from '../args.ts';
import { runNamed } from '../find-run.ts';
import { startAndFollow } from '../follow.ts';
import { count, decimal } from '../format.ts';
import { asWord, COMMAND } from '../invocation.ts';
import { note, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { noteError } from '../report.ts';
import { mean } from '../statistics.ts';
import { nameOfRun } from '../summary.ts';
import { fit, padEnd, padStart } from '../terminal.ts';
import { exitCode, tellSummary, viewFor } from './rollout.ts';

const ROWS = 20;

export const rejudge: Command = {
  name: 'rejudge',
  summary: 'Score stored rollouts again with a changed judge; no model is called',
  usage: '<run> [--conf <yaml>]',
  about: ['The new rewards are stored as a run of their own; the old run stays as it is.'],
  examples: ['tuning-fork rejudge latest', 'tuning-fork rejudge latest --conf stricter.yaml'],
  options: { conf: { value: 'yaml', short: 'c', help: 'The configuration whose judge grades (default: the one of the run)' } },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const { dir, info } = await runNamed(args, args.words[0]!);
    const followed = await startAndFollow(args, { kind: 'rejudge', conf: args.text('conf') ?? info.conf, rejudge: { dir } }, viewFor(args));
    const [before, after] = await Promise.all([openRunReader(dir), openRunReader(followed.status.dir)]);
    const scored = Array.from({ length: before.count }, (_, index) => ({ was: before.entry(index), at: after.find(before.entry(index).id) })).filter(({ at }) => at >= 0);
    const changes = scored.map(({ was: { id, task, reward }, at }): Change => ({ id, task, before: reward, after: after.entry(at).reward }));
    if (args.on('json')) {
      for (const change of changes) printJson({ type: 'rejudged', ...change });
      tellSummary(followed);
    } else {
      if (followed.error !== undefined) noteError(followed.error);
      if (changes.length > 0) report(changes, await nameOfRun(followed.status));
      else if (followed.error === undefined && before.count === 0) note(t('{0} has no rollout that could be judged.', info.run));
    }
    return exitCode(followed);
  },
};

interface Change {
  id: string;
  task: string;
  before: number | null;
  after: number | null;
}

function report(changes: Change[], run: string): void {
  const moved = changes.filter(({ before, after }) => before !== after);
  const meanOf = (pick: (change: Change) => number | null): string => decimal(mean(changes.flatMap((change) => pick(change) ?? [])), 3);
  print(t('{0} judged again: mean reward {1} → {2}, {3} changed.', plural(changes.length, '{0} rollout', '{0} rollouts'), meanOf(({ before }) => before), paint.bold(meanOf(({ after }) => after)), count(moved.length)));
  const width = Math.max(...moved.map(({ id }) => id.length));
  for (const { id, task, before, after } of moved.slice(0, ROWS)) {
    const arrow = (after ?? -Infinity) > (before ?? -Infinity) ? paint.green('▲') : paint.red('▼');
    print(`  ${padEnd(id, width)}  ${padEnd(fit(task, 24), 24)}  ${padStart(decimal(before ?? NaN), 6)} → ${padStart(decimal(after ?? NaN), 6)} ${arrow}`);
  }
  if (moved.length > ROWS) print(paint.dim(`  ${t('… and {0} more', count(moved.length - ROWS))}`));
  print(`${paint.dim(t('Stored as'))} ${run}`);
  if (moved.length > 0) print(`  ${COMMAND} runs show ${asWord(run)}`);
}
