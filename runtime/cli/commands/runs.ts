import { join } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import { deleteRun, exportRun, findRun, listRuns, openRunReader, type RunSummary } from '../../trace/index.ts';
import type { Args, Command } from '../args.ts';
import { connectIfRunning, projectOf } from '../connect.ts';
import { follow } from '../follow.ts';
import { EXIT, note, out, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { showRollout } from '../show-rollout.ts';
import { count, decimal } from '../statistics.ts';
import { readEntries, summarize } from '../summary.ts';
import { fit, padEnd, padStart, widthOf } from '../terminal.ts';

const actions = ['list', 'show', 'attach', 'export', 'delete'] as const;

export const runs: Command = {
  name: 'runs',
  summary: 'List runs, show one, or attach to one that is running',
  usage: 'list | show <run> | attach <run> | export <run> | delete <run>',
  about: ['A run is named by its time, the beginning of it, or "latest".'],
  examples: [
    'tuning-fork runs list',
    'tuning-fork runs show latest',
    'tuning-fork runs show latest --rollout s0t3n1 --tokens',
    'tuning-fork runs export latest --format csv > rollouts.csv',
  ],
  options: {
    rollout: { value: 'id', short: 'r', help: 'Show this rollout: its conversation, reward and errors' },
    tokens: { help: 'With --rollout: every token with id, log-probability and why it is trained or not' },
    format: { value: 'format', help: 'With export (default: jsonl)', choices: ['jsonl', 'csv'] },
    yes: { short: 'y', help: 'With delete: do it without asking' },
  },
  words: { least: 0, most: 2 },
  run: async (args) => {
    const [action = 'list', name = 'latest'] = args.words;
    switch (action) {
      case 'list': return list(args);
      case 'show': return show(args, name);
      case 'attach': return attach(args, name);
      case 'export': return exportTo(args, name);
      case 'delete': return remove(args, args.words[1]);
      default: throw new TuningForkError('usage', t('"runs {0}" is not known.', action), { next: t('There are {0}.', actions.join(', ')) });
    }
  },
};

function rootOf(args: Args): string {
  return join(projectOf(args), 'runs');
}

async function list(args: Args): Promise<number> {
  const { runs: found, problems } = await listRuns(rootOf(args));
  for (const problem of problems) note(`! ${problem.message}`);
  if (args.on('json')) {
    for (const { info, dir, counts } of found) printJson({ run: info.run, dir, kind: info.kind, state: info.state, project: info.project, experiment: info.experiment, created: info.created, policy: info.policy, counts });
    return EXIT.ok;
  }
  if (found.length === 0) {
    print(t('There are no runs in {0}.', rootOf(args)));
    print(`  ${paint.yellow('→')} tuning-fork rollout --conf <yaml>`);
    return EXIT.ok;
  }
  table(found);
  return EXIT.ok;
}

function table(found: RunSummary[]): void {
  const rows = found.map(({ info, counts }) => [
    info.run, `${info.project}/${info.experiment}`, info.kind, info.state, `${count(counts.rollouts)}/${count(info.planned)}`,
    counts.meanReward === null ? '–' : decimal(counts.meanReward, 3), count(counts.sampled), info.policy,
  ]);
  const head = ['run', 'experiment', 'kind', 'state', 'rollouts', 'reward', 'tokens', 'model'].map((text) => t(text));
  const widths = head.map((text, column) => Math.max(widthOf(text), ...rows.map((row) => widthOf(row[column]!))));
  const line = (cells: string[]): string => cells.map((cell, column) => (column >= 4 && column <= 6 ? padStart(cell, widths[column]!) : padEnd(cell, widths[column]!))).join('  ').trimEnd();
  print(paint.dim(line(head)));
  for (const [index, row] of rows.entries()) {
    const { state } = found[index]!.info;
    const text = fit(line(row), Math.max(out.width, 100));
    print(state === 'failed' ? text.replace('failed', paint.red('failed')) : state === 'running' ? text.replace('running', paint.green('running')) : text);
  }
}

async function show(args: Args, name: string): Promise<number> {
  const { dir, info } = await findRun(rootOf(args), name);
  const reader = await openRunReader(dir);
  for (const problem of reader.problems) note(`! ${problem.message}`);
  const rollout = args.text('rollout');
  if (rollout !== undefined) {
    if (reader.find(rollout) < 0) throw new TuningForkError('usage', t('There is no rollout {0} in {1}.', rollout, info.run), { next: t('It has {0} to {1}.', reader.count > 0 ? reader.entry(0).id : '–', reader.count > 0 ? reader.entry(reader.count - 1).id : '–') });
    const record = await reader.read(rollout);
    if (args.on('json')) printJson(record);
    else await showRollout(record, info, rootOf(args), args.on('tokens'));
    return EXIT.ok;
  }
  const entries = readEntries(reader);
  if (args.on('json')) {
    printJson({ type: 'run', dir, info });
    for (const entry of entries) printJson({ type: 'rollout', ...entry });
    return EXIT.ok;
  }
  const { emptyProgress, countEntry } = await import('../../backbone/progress.ts');
  const progress = { ...emptyProgress(), planned: info.planned };
  for (const entry of entries) {
    countEntry(progress, entry);
    progress.calls += entry.calls;
    progress.prompt += entry.prompt;
    progress.sampled += entry.sampled;
  }
  const ended = info.finished === undefined ? Date.now() : Date.parse(info.finished);
  await summarize({
    status: { run: info.run, dir, info, progress, elapsed: ended - Date.parse(info.created), seq: 0 },
    state: info.state, error: info.error, failures: [], interrupted: false,
  });
  for (const entry of entries.filter((each) => each.status === 'failed').slice(0, 20)) {
    print(`  ${paint.red('✗')} ${entry.id}  ${entry.task}  ${entry.flags.find((flag) => flag.startsWith('error:'))?.slice(6) ?? ''}`);
  }
  return EXIT.ok;
}

async function attach(args: Args, name: string): Promise<number> {
  const client = await connectIfRunning(args);
  const { dir, info } = await findRun(rootOf(args), name);
  const known = client === undefined ? [] : (await client.request('status', null)).runs;
  if (client === undefined || !known.some((run) => run.run === info.run)) {
    if (!args.on('json')) note(t('{0} is not running; this is what is stored.', info.run));
    client?.close();
    return show(args, dir);
  }
  const followed = await follow(client, info.run, { json: args.on('json'), owner: false });
  client.close();
  if (!args.on('json')) await summarize(followed);
  return followed.state === 'finished' ? EXIT.ok : EXIT.failed;
}

async function exportTo(args: Args, name: string): Promise<number> {
  const { dir } = await findRun(rootOf(args), name);
  await exportRun(await openRunReader(dir), (args.text('format') ?? 'jsonl') as 'jsonl' | 'csv', process.stdout);
  return EXIT.ok;
}

async function remove(args: Args, name: string | undefined): Promise<number> {
  if (name === undefined) throw new TuningForkError('usage', t('"runs delete" needs the name of a run.'), { next: t('"tuning-fork runs list" shows the names.') });
  const { dir, info } = await findRun(rootOf(args), name);
  if (!args.on('yes')) throw new TuningForkError('usage', t('This would delete {0} ({1}).', info.run, dir), { next: t('Repeat the command with --yes.') });
  await deleteRun(rootOf(args), dir);
  if (!args.on('json')) print(t('Deleted {0}.', info.run));
  return EXIT.ok;
}
