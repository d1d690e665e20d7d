/** What a person reads when a run is over: how it went, where to look, what to type next. */
import { join, relative } from 'node:path';
import { projectFolder } from '../backbone/location.ts';
import type { RunStatus } from '../protocol/backbone.ts';
import type { IndexEntry } from '../protocol/trace.ts';
import { findRun, openRunReader, type RunReader } from '../trace/index.ts';
import type { Followed } from './follow.ts';
import { count, decimal, duration, percent } from './format.ts';
import { asWord, COMMAND, confWords } from './invocation.ts';
import { err, errPaint, note, out, paint, print } from './io.ts';
import { plural, t } from './l10n.ts';
import { inOurWords, noteError } from './report.ts';
import type { Failure } from './run-view.ts';
import { histogram, mean, meanMargin, shareInterval } from './statistics.ts';
import { clip, fit, padEnd, padStart, widthOf } from './terminal.ts';

const TASK_ROWS = 12;
const KINDS_OF_FAILURE = 5;

/** What is known of a run that is over, also long after. */
export type Ending = Pick<Followed, 'state' | 'error'> & { status: Omit<RunStatus, 'progress' | 'seq'> };

export async function summarize({ status, state, error }: Ending, failures: readonly Failure[]): Promise<void> {
  if (error !== undefined) noteError(error);
  const entries = readEntries(await openRunReader(status.dir));
  if (entries.length === 0) {
    if (state === 'cancelled') note(t('Cancelled before a rollout had ended.'));
    return;
  }
  printFailures(failures);
  print();
  printHead(status, entries, state === 'cancelled');
  print();
  printFigures(entries, status.elapsed);
  printTasks(entries);
  printNext(entries, status, await nameOfRun(status), state);
}

export function readEntries(reader: RunReader): IndexEntry[] {
  return Array.from({ length: reader.count }, (_, index) => reader.entry(index));
}

/** What to type for this run: its name, or its folder where the name would find another run or none. */
export async function nameOfRun({ run, dir }: Pick<RunStatus, 'run' | 'dir'>): Promise<string> {
  const found = await findRun(join(projectFolder(process.cwd()), 'runs'), run).catch(() => undefined);
  return found?.dir === dir ? run : relative(process.cwd(), dir) || dir;
}

function printHead({ info, elapsed }: Ending['status'], entries: IndexEntry[], cancelled: boolean): void {
  const ended = entries.filter((entry) => entry.status !== 'cancelled');
  const tasks = new Set(ended.map(taskOf)).size;
  const done = t('{0} of {1} in {2}', plural(ended.length, '{0} rollout', '{0} rollouts'), plural(tasks, '{0} task', '{0} tasks'), duration(elapsed));
  print([paint.bold(fit(info.workflow, 30)), fit(info.policy, 30), done, ...(cancelled ? [paint.yellow(t('cancelled'))] : [])].join(paint.dim(' · ')));
}

/** Training and validation each count from 0. */
function taskOf({ split, taskIndex }: IndexEntry): string {
  return `${split} ${taskIndex}`;
}

function printFigures(entries: IndexEntry[], elapsed: number): void {
  const rewards = entries.flatMap(({ reward }) => reward ?? []);
  const judged = entries.flatMap(({ success }) => success ?? []);
  const ended = entries.filter(({ status }) => status !== 'cancelled');
  const failed = entries.filter(({ status }) => status === 'failed').length;
  const sum = (name: 'calls' | 'prompt' | 'sampled' | 'trained', of = entries): number => of.reduce((total, entry) => total + entry[name], 0);
  const groups = groupsOf(entries);
  const spread = groups.filter(hasSpread).length;
  const seconds = elapsed / 1_000;
  const rows: [name: string, value: string, more: string][] = [
    ...(rewards.length === 0 ? [] : [rewardRow(rewards)]),
    ...(judged.length === 0 ? [] : [successRow(judged)]),
    ...(groups.length === 0 ? [] : [[t('groups'), t('{0} of {1}', spread, groups.length), t('have different rewards: only these teach')] as [string, string, string]]),
    [t('calls'), count(sum('calls')), t('{0} per rollout', decimal(sum('calls', ended) / ended.length, 1))],
    [t('tokens'), t('{0} sampled', count(sum('sampled'))), t('{0} trainable, {1} prompt', count(sum('trained')), count(sum('prompt')))],
    [t('speed'), t('{0} tokens/s', count(sum('sampled') / seconds)), t('{0} rollouts/s', decimal(ended.length / seconds, 1))],
    ...(failed === 0 ? [] : [[t('failed'), paint.red(`✗ ${count(failed)}`), ''] as [string, string, string]]),
    ...(ended.length === entries.length ? [] : [[t('cancelled'), paint.yellow(count(entries.length - ended.length)), ''] as [string, string, string]]),
  ];
  const [names, values] = [0, 1].map((column) => Math.max(...rows.map((row) => widthOf(row[column]!))));
  for (const [name, value, more] of rows) print(clip(`  ${padEnd(paint.dim(name), names!)}  ${padEnd(value, values!)}  ${paint.dim(more)}`.trimEnd(), out.width));
}

/** The rewarded rollouts of each task that has more than one. */
function groupsOf(entries: IndexEntry[]): IndexEntry[][] {
  const rewarded = entries.filter(({ reward }) => reward !== null);
  return [...Map.groupBy(rewarded, (entry) => `${entry.step} ${taskOf(entry)}`).values()].filter((group) => group.length > 1);
}

function hasSpread(group: IndexEntry[]): boolean {
  return group.some(({ reward }) => reward !== group[0]!.reward);
}

function rewardRow(rewards: number[]): [string, string, string] {
  const sum = rewards.reduce((a, b) => a + b, 0);
  const margin = meanMargin(rewards.length, sum, rewards.reduce((total, reward) => total + reward ** 2, 0));
  const [low, high] = [rewards.reduce((a, b) => Math.min(a, b)), rewards.reduce((a, b) => Math.max(a, b))];
  const value = paint.bold(decimal(mean(rewards), 3)) + (margin > 0 ? ` ±${decimal(margin, 3)}` : '');
  return [t('reward'), value, low === high ? '' : `${decimal(low)} ${histogram(rewards, 12)} ${decimal(high)}`];
}

function successRow(judged: boolean[]): [string, string, string] {
  const successes = judged.filter(Boolean).length;
  const [low, high] = shareInterval(successes, judged.length);
  return [t('success'), paint.bold(percent(successes / judged.length)), t('95 % interval: {0} to {1}', percent(low), percent(high))];
}

function printTasks(entries: IndexEntry[]): void {
  const tasks = [...Map.groupBy(entries, taskOf).values()].map((group) => group.toSorted((a, b) => a.step - b.step || a.sample - b.sample))
    .toSorted(([a], [b]) => a!.split.localeCompare(b!.split) || a!.taskIndex - b!.taskIndex);
  if (tasks.length < 2 || entries.every(({ reward }) => reward === null)) return;
  const shown = tasks.slice(0, TASK_ROWS);
  const names = Math.min(28, Math.max(...shown.map((group) => widthOf(fit(group[0]!.task, 28)))));
  const marks = Math.max(...shown.flatMap((group) => group.map((entry) => widthOf(mark(entry)))));
  print();
  for (const group of shown) {
    const rewards = group.flatMap(({ reward }) => reward ?? []);
    const line = `  ${padEnd(fit(group[0]!.task, names), names)}  ${padStart(decimal(mean(rewards)), 5)}  ${group.map((entry) => padStart(mark(entry), marks)).join(' ')}`;
    print(clip(line, out.width));
  }
  if (tasks.length > TASK_ROWS) print(paint.dim(`  ${plural(tasks.length - TASK_ROWS, '… and {0} more task', '… and {0} more tasks')}`));
}

/** A reward as one word: colour and number, never colour alone. */
function mark({ reward, success, status }: IndexEntry): string {
  if (status === 'cancelled') return paint.dim('–');
  if (status === 'failed' || reward === null) return paint.red('✗');
  const text = Number.isInteger(reward) ? String(reward) : decimal(reward).replace(/^(-?)0\./, '$1.');
  return success === true ? paint.green(text) : success === false ? paint.dim(text) : text;
}

/** Told in full when they first happened; here how often each came, and where to look. */
function printFailures(failures: readonly Failure[]): void {
  const often = failures.filter(({ error, rollouts }) => error.code !== 'rollout-cancelled' && rollouts.length > 1).toSorted((a, b) => b.rollouts.length - a.rollouts.length);
  for (const { error, rollouts } of often.slice(0, KINDS_OF_FAILURE)) {
    const head = `${errPaint.red(`✗ ${t('{0}:', plural(rollouts.length, '{0} rollout', '{0} rollouts'))}`)} `;
    note(head + fit(inOurWords(error).message, Math.max(20, err.width - widthOf(head))));
    note(errPaint.dim(`  ${fit(rollouts.toSorted(inOrder).join(' '), err.width - 2)}`));
  }
}

/** `s0t2n10` comes after `s0t2n9`. */
export function inOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function printNext(entries: IndexEntry[], { dir, info }: Ending['status'], run: string, state: Ending['state']): void {
  const [best] = entries.filter((entry) => entry.status === 'finished').toSorted((a, b) => (b.reward ?? -Infinity) - (a.reward ?? -Infinity));
  const failed = entries.find((entry) => entry.status === 'failed');
  const show = `${COMMAND} runs show ${asWord(run)}`;
  print();
  print(`${paint.dim(t('Stored in'))} ${relative(process.cwd(), dir) || dir}`);
  if (best !== undefined) {
    print(paint.dim(t('The best rollout, token by token:')));
    print(`  ${show} --rollout ${best.id} --tokens`);
  }
  if (failed !== undefined) {
    print(paint.dim(t('What happened in one that failed:')));
    print(`  ${show} --rollout ${failed.id}`);
  }
  if (info.kind === 'rollout' && state !== 'cancelled' && teaches(entries)) {
    print(paint.dim(t('Train the model on these tasks:')));
    print(`  ${COMMAND} train ${confWords(info)}`);
  }
}

/** Rewards differ within a task, and the tokens can be trained. */
function teaches(entries: IndexEntry[]): boolean {
  return entries.some(({ trained, split }) => trained > 0 && split === 'training') && groupsOf(entries).some(hasSpread);
}
