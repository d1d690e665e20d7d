import { join } from 'node:path';
import { findRun, openRunReader } from '../../trace/index.ts';
import type { Command } from '../args.ts';
import { connect, environment, projectOf } from '../connect.ts';
import { follow } from '../follow.ts';
import { EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { count, decimal, mean } from '../statistics.ts';
import { fit, padEnd, padStart } from '../terminal.ts';

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
    const { dir, info } = await findRun(join(projectOf(args), 'runs'), args.words[0]!);
    const client = await connect(args);
    const { run } = await client.request('start', {
      kind: 'rejudge', conf: args.text('conf') ?? info.conf, env: environment(), cwd: process.cwd(), rejudge: { dir },
    });
    const followed = await follow(client, run, { json: args.on('json'), owner: true });
    client.close();
    const [before, after] = await Promise.all([openRunReader(dir), openRunReader(followed.status.dir)]);
    const changes = Array.from({ length: after.count }, (_, index) => {
      const now = after.entry(index);
      return { id: now.id, task: now.task, before: before.entry(before.find(now.id)).reward, after: now.reward };
    });
    if (args.on('json')) for (const change of changes) printJson({ type: 'rejudged', ...change });
    else report(changes, run);
    return followed.interrupted ? EXIT.cancelled : followed.state === 'finished' && followed.status.progress.failed === 0 ? EXIT.ok : EXIT.failed;
  },
};

interface Change {
  id: string;
  task: string;
  before: number | null;
  after: number | null;
}

function report(changes: Change[], run: string): void {
  const moved = changes.filter((change) => change.before !== change.after);
  const rewards = (pick: (change: Change) => number | null): number => mean(changes.flatMap((change) => pick(change) ?? []));
  print();
  print(t('{0} rollouts judged again: mean reward {1} → {2}; {3} changed.', count(changes.length), decimal(rewards((each) => each.before), 3), paint.bold(decimal(rewards((each) => each.after), 3)), count(moved.length)));
  for (const { id, task, before, after } of moved.slice(0, ROWS)) {
    const arrow = (after ?? -Infinity) > (before ?? -Infinity) ? paint.green('▲') : paint.red('▼');
    print(`  ${padEnd(id, 12)} ${padEnd(fit(task, 30), 30)} ${padStart(before === null ? '–' : decimal(before), 7)} → ${padStart(after === null ? '–' : decimal(after), 7)} ${arrow}`);
  }
  if (moved.length > ROWS) print(paint.dim(`  ${t('… and {0} more', count(moved.length - ROWS))}`));
  print(`${paint.dim(t('Stored as'))} ${run}`);
}
