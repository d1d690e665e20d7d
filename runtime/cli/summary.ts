/** What a person reads when a run is over: how it went, where to look, what to type next. */
import { relative } from 'node:path';
import type { IndexEntry } from '../protocol/trace.ts';
import { openRunReader, type RunReader } from '../trace/index.ts';
import type { Followed } from './follow.ts';
import { describeError, err, errPaint, note, paint, print } from './io.ts';
import { t } from './l10n.ts';
import { count, decimal, duration, histogram, mean, meanMargin, percent, shareInterval } from './statistics.ts';
import { fit, padEnd, padStart } from './terminal.ts';

const TASK_ROWS = 12;

export async function summarize({ status, state, error, failures }: Followed): Promise<void> {
  const { progress, info, dir, elapsed } = status;
  if (error !== undefined) note(`${errPaint.red(t('Error:'))} ${describeError(error, errPaint)}`);
  const done = progress.finished + progress.failed;
  if (done === 0 && progress.cancelled === 0) return;
  const reader = await openRunReader(dir);
  const entries = readEntries(reader);
  print();
  print(`${paint.bold(info.workflow)} ${paint.dim('·')} ${info.policy} ${paint.dim('·')} ${t('{0} rollouts of {1} tasks in {2}', count(entries.length), count(new Set(entries.map((entry) => entry.taskIndex)).size), duration(elapsed))}${state === 'cancelled' ? ` ${paint.yellow(t('(cancelled)'))}` : ''}`);
  print();
  printFigures(progress, entries, elapsed);
  printTasks(entries);
  printFailures(failures);
  printNext(entries, status.run, dir);
}

export function readEntries(reader: RunReader): IndexEntry[] {
  return Array.from({ length: reader.count }, (_, index) => reader.entry(index));
}

function printFigures(progress: Followed['status']['progress'], entries: IndexEntry[], elapsed: number): void {
  const row = (name: string, value: string, more = ''): void => print(`  ${padEnd(paint.dim(t(name)), 12)}${padEnd(value, 16)}${paint.dim(more)}`);
  const rewards = entries.flatMap(({ reward }) => (reward === null ? [] : [reward]));
  if (rewards.length > 0) {
    row('reward', `${paint.bold(decimal(mean(rewards), 3))} ±${decimal(meanMargin(rewards.length, progress.rewardSum, progress.rewardSquares), 3)}`, `${decimal(Math.min(...rewards))} ${histogram(rewards, 12)} ${decimal(Math.max(...rewards))}`);
  }
  if (progress.judgedSuccess > 0) {
    const [low, high] = shareInterval(progress.successes, progress.judgedSuccess);
    row('success', paint.bold(percent(progress.successes / progress.judgedSuccess)), `95 %: ${percent(low)} – ${percent(high)}`);
  }
  const groups = [...Map.groupBy(entries.filter((entry) => entry.reward !== null), (entry) => entry.taskIndex).values()].filter((group) => group.length > 1);
  if (groups.length > 0) {
    const spread = groups.filter((group) => group.some((entry) => entry.reward !== group[0]!.reward)).length;
    row('groups', t('{0} of {1}', spread, groups.length), t('have different rewards: only these teach'));
  }
  row('calls', count(progress.calls), t('{0} per rollout', decimal(progress.calls / Math.max(1, entries.length), 1)));
  row('tokens', t('{0} sampled', count(progress.sampled)), t('{0} trainable, {1} prompt', count(progress.trained), count(progress.prompt)));
  row('speed', t('{0} tokens/s', count(progress.sampled / (elapsed / 1_000))), t('{0} rollouts/s', decimal(entries.length / (elapsed / 1_000), 1)));
  if (progress.failed > 0) row('failed', paint.red(count(progress.failed)));
}

function printTasks(entries: IndexEntry[]): void {
  const tasks = [...Map.groupBy(entries, (entry) => entry.taskIndex).values()];
  if (tasks.length < 2) return;
  const width = Math.min(40, Math.max(...tasks.map((group) => group[0]!.task.length)));
  print();
  for (const group of tasks.slice(0, TASK_ROWS)) {
    const rewards = group.toSorted((a, b) => a.sample - b.sample).map((entry) => mark(entry)).join(' ');
    const scored = group.flatMap(({ reward }) => (reward === null ? [] : [reward]));
    print(`  ${padEnd(fit(group[0]!.task, width), width)}  ${padStart(scored.length === 0 ? '–' : decimal(mean(scored)), 6)}  ${rewards}`);
  }
  if (tasks.length > TASK_ROWS) print(paint.dim(`  ${t('… and {0} more tasks', count(tasks.length - TASK_ROWS))}`));
}

/** A reward as one word: colour and number, never colour alone. */
function mark({ reward, success, status }: IndexEntry): string {
  if (status !== 'finished' || reward === null) return paint.red('✗');
  const text = Number.isInteger(reward) ? String(reward) : decimal(reward, 2).replace(/^0/, '');
  return success === true ? paint.green(text) : success === false ? paint.dim(text) : text;
}

function printFailures(failures: Followed['failures']): void {
  const real = failures.filter(({ error }) => error.code !== 'rollout-cancelled');
  if (real.length <= 3) return;
  note('');
  const kinds = [...Map.groupBy(real, ({ error }) => `${error.code} ${error.message}`).values()].sort((a, b) => b.length - a.length);
  for (const kind of kinds.slice(0, 5)) {
    note(`  ${errPaint.red(`✗ ${count(kind.length)}×`)} ${describeError({ ...kind[0]!.error, stack: undefined }, errPaint)}`);
    note(errPaint.dim(`    ${fit(kind.map(({ rollout }) => rollout).join(' '), err.width - 6)}`));
  }
}

function printNext(entries: IndexEntry[], run: string, dir: string): void {
  const best = entries.filter((entry) => entry.status === 'finished').toSorted((a, b) => (b.reward ?? -Infinity) - (a.reward ?? -Infinity))[0] ?? entries[0];
  print();
  print(`${paint.dim(t('Stored in'))} ${relative(process.cwd(), dir) || dir}`);
  if (best !== undefined) {
    print(`${paint.dim(t('Every token of its best rollout:'))}`);
    print(`  tuning-fork runs show ${run} --rollout ${best.id} --tokens`);
  }
}
