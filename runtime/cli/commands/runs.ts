import { join } from 'node:path';
import { connectBackbone, type BackboneClient } from '../../backbone/client.ts';
import type { RunStatus } from '../../protocol/backbone.ts';
import { TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import { nearest } from '../../protocol/suggest.ts';
import type { IndexEntry } from '../../protocol/trace.ts';
import { EXPORT_FORMATS, EXPORT_TABLES } from '../../trace/export.ts';
import { deleteRun, listRuns, openRunReader, type RunSummary } from '../../trace/index.ts';
import type { Args, Command } from '../args.ts';
import { indexOfRollout, runNamed } from '../find-run.ts';
import { watch } from '../follow.ts';
import { count, decimal } from '../format.ts';
import { COMMAND } from '../invocation.ts';
import { EXIT, note, out, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { projectOf, runsOf } from '../project.ts';
import { warn } from '../report.ts';
import { RunView, type Failure } from '../run-view.ts';
import { showRollout } from '../show-rollout.ts';
import { readEntries, summarize } from '../summary.ts';
import { printTable } from '../table.ts';
import { kindWord, stateWord } from '../words.ts';
import { exitCode, tellSummary, viewFor } from './rollout.ts';
import { exportTo } from './runs-export.ts';

const actions: Record<string, (args: Args, name: string | undefined) => Promise<number>> = {
  list, show, attach, export: exportTo, delete: remove,
  pause: (args, name) => ask('pause', args, name),
  resume: (args, name) => ask('resume', args, name),
  checkpoint: (args, name) => ask('checkpoint', args, name),
};

export const runs: Command = {
  name: 'runs',
  summary: 'List stored runs; show, export or delete one, or attach to one that is running',
  usage: '[list | show <run> | attach <run> | export <run> | delete <run> | pause <run> | resume <run> | checkpoint <run>]',
  about: [
    'A run is named by its time, the beginning of it, its folder, or "latest": the newest rollouts or training, not a check, a replay or a rejudged run.',
    'attach looks at a running one; Ctrl-C stops the looking, not the run.',
    'export writes a run, or the rollouts that --filter keeps, for other tools. In CSV what a model wrote is a JSON string, in a column named …_json: it reads back exactly, and no spreadsheet takes it for a formula.',
    'pause, resume and checkpoint are for a training that is running: it pauses after the rollouts or the step it is at, and a checkpoint is saved after its step.',
  ],
  examples: [
    'tuning-fork runs list',
    'tuning-fork runs show latest',
    'tuning-fork runs show latest --rollout s0t3n1 --tokens',
    'tuning-fork runs export latest --to rollouts.csv',
    'tuning-fork runs export latest --what tokens --filter "reward < 0.5 and truncated" --to tokens.parquet',
  ],
  options: {
    rollout: { value: 'id', short: 'r', help: 'Show this rollout: its conversation, reward and errors' },
    tokens: { help: 'With --rollout: every token with id, log-probability and why it is trained or not' },
    to: { value: 'file', short: 'o', help: 'With export: the file (default: to standard output)' },
    format: { value: 'format', help: 'With export (default: as the file ends, else jsonl)', choices: EXPORT_FORMATS },
    what: { value: 'table', help: 'With export: one row a rollout, one row a token, or all of each rollout as JSON (what jsonl has by default)', choices: EXPORT_TABLES },
    filter: { value: 'expression', help: 'With export: only rollouts like that' },
    force: { short: 'f', help: 'With export: replace the file if it is there' },
    yes: { short: 'y', help: 'With delete: do it without asking' },
  },
  words: { least: 0, most: 2 },
  run: async (args) => {
    const [action = 'list', name] = args.words;
    if (Object.hasOwn(actions, action)) return actions[action]!(args, name);
    const meant = nearest(action, Object.keys(actions));
    throw new TuningForkError('usage', t('There is no "runs {0}".', action), { next: meant === undefined ? t('There are {0}.', Object.keys(actions).join(', ')) : t('Did you mean {0}?', `"tuning-fork runs ${meant}"`) });
  },
};

async function list(args: Args, name: string | undefined): Promise<number> {
  if (name !== undefined) throw new TuningForkError('usage', t('"{0}" is one word too many.', name), { next: t('To see one run: {0}', `tuning-fork runs show ${name}`) });
  const { runs: found, problems } = await listRuns(runsOf(args));
  warn(problems);
  if (args.on('json')) {
    for (const { info, dir, counts } of found) printJson({ type: 'run', run: info.run, dir, kind: info.kind, state: info.state, project: info.project, experiment: info.experiment, created: info.created, workflow: info.workflow, policy: info.policy, planned: info.planned, counts });
  } else if (found.length === 0) {
    print(t('There are no runs in {0}.', runsOf(args)));
    print(`  ${paint.yellow('→')} ${COMMAND} rollout --conf <yaml>`);
  } else {
    table(found);
  }
  return EXIT.ok;
}

function table(found: RunSummary[]): void {
  const state = ({ info: { state } }: RunSummary): string => (state === 'failed' ? paint.red : state === 'running' ? paint.green : String)(stateWord(state));
  printTable([
    { head: t('run'), cells: found.map(({ info }) => info.run) },
    { head: t('experiment'), cells: found.map(({ info }) => `${info.project}/${info.experiment}`), drop: 3 },
    { head: t('kind'), cells: found.map(({ info }) => kindWord(info.kind)), drop: 4 },
    { head: t('state'), cells: found.map(state) },
    { head: t('rollouts'), cells: found.map(({ info, counts }) => info.planned === 0 ? count(counts.rollouts) : `${count(counts.rollouts)}/${count(info.planned)}`), right: true },
    { head: t('reward'), cells: found.map(({ counts }) => decimal(counts.meanReward ?? NaN, 3)), right: true },
    { head: t('tokens'), cells: found.map(({ counts }) => count(counts.sampled)), right: true, drop: 1 },
    { head: t('model'), cells: found.map(({ info }) => info.policy || '–'), drop: 2 },
  ], out.interactive ? out.width : Infinity);
}

async function show(args: Args, name = 'latest'): Promise<number> {
  const { dir, info } = await runNamed(args, name);
  const reader = await openRunReader(dir);
  warn(reader.problems);
  const rollout = args.text('rollout');
  if (rollout !== undefined) {
    const record = await reader.read(indexOfRollout(reader, rollout));
    if (args.on('json')) printJson({ type: 'record', ...record });
    else await showRollout(record, info, join(dir, '../../..'), args.on('tokens'));
    return EXIT.ok;
  }
  const entries = readEntries(reader);
  if (args.on('json')) {
    printJson({ type: 'run', dir, info });
    for (const entry of entries) printJson({ type: 'rollout', ...entry });
    return EXIT.ok;
  }
  if (info.kind === 'training' && await (await import('../train-end.ts')).showTraining(dir, info)) return EXIT.ok;
  if (entries.length === 0) print(info.state === 'running' ? t('{0} has no rollout yet.', info.run) : t('{0} ({1}) has no rollout.', info.run, stateWord(info.state)));
  const elapsed = (info.finished === undefined ? Date.now() : Date.parse(info.finished)) - Date.parse(info.created);
  await summarize({ status: { run: info.run, dir, info, elapsed }, state: info.state, error: info.error }, await storedFailures(entries));
  return EXIT.ok;

  async function storedFailures(all: IndexEntry[]): Promise<Failure[]> {
    const failed = all.filter(({ status }) => status === 'failed');
    return Promise.all([...Map.groupBy(failed, ({ flags }) => flags.find((flag) => flag.startsWith('error:')) ?? '').values()].map(async (group) => {
      const { error } = await reader.read(reader.find(group[0]!.id));
      return { error: error ?? { code: 'internal', message: t('It failed without a reason.') } satisfies ErrorInfo, rollouts: group.map(({ id }) => id) };
    }));
  }
}

async function attach(args: Args, name: string | undefined): Promise<number> {
  const client = await connectBackbone({ project: projectOf(args), client: 'cli', startIfAbsent: false });
  const run = client && await runningRun(client, args, name);
  if (client === undefined || run === undefined) {
    client?.close();
    const { dir, info } = await runNamed(args, name ?? 'latest');
    if (!args.on('json')) note(t('{0} is not running; this is what is stored.', info.run));
    return show(args, dir);
  }
  if (run.info.kind === 'training') return (await import('./train.ts')).lookAt(args, client, run.run);
  const view = viewFor(args);
  const followed = await watch(client, run.run, view);
  client.close();
  if (view instanceof RunView) await summarize(followed, [...view.failures.values()]);
  else tellSummary(followed);
  return exitCode(followed);
}

async function ask(method: 'pause' | 'resume' | 'checkpoint', args: Args, name: string | undefined): Promise<number> {
  const client = await connectBackbone({ project: projectOf(args), client: 'cli', startIfAbsent: false });
  try {
    const run = client && (await runningRun(client, args, name))?.run;
    if (client === undefined || run === undefined) throw new TuningForkError('usage', name === undefined ? t('Nothing is running here.') : t('{0} is not running.', name), { next: t('"tuning-fork runs list" shows their names.') });
    await client.request(method, { run });
    const told = { pause: t('{0} pauses after the rollouts or the step it is at.', run), resume: t('{0} goes on.', run), checkpoint: t('{0} has saved a checkpoint.', run) };
    if (args.on('json')) printJson({ type: method, run });
    else print(told[method]);
    return EXIT.ok;
  } finally {
    client?.close();
  }
}

/** The one named; without a name the newest that is running. */
async function runningRun(client: BackboneClient, args: Args, name = 'latest'): Promise<RunStatus | undefined> {
  const { runs: known } = await client.request('status', null);
  const running = known.filter(({ info }) => info.state === 'running');
  if (name === 'latest') return running.at(-1);
  const { info } = await runNamed(args, name);
  return running.find(({ run }) => run === info.run);
}

async function remove(args: Args, name: string | undefined): Promise<number> {
  if (name === undefined) throw new TuningForkError('usage', t('Which run?'), { next: t('"tuning-fork runs list" shows their names.') });
  const { dir, info } = await runNamed(args, name);
  if (!args.on('yes')) throw new TuningForkError('usage', t('This would delete {0} ({1}).', info.run, dir), { next: t('Repeat the command with --yes.') });
  await deleteRun(runsOf(args), dir);
  if (args.on('json')) printJson({ type: 'deleted', run: info.run, dir });
  else print(t('Deleted {0}.', info.run));
  return EXIT.ok;
}
