/** The live picture of a run: a few lines that keep their places while the numbers in them change. */
import type { RunProgress } from '../protocol/backbone.ts';
import { clock, count, decimal, percent } from './format.ts';
import { plural, t } from './l10n.ts';
import { level, meanMargin } from './statistics.ts';
import { fit, padEnd, padStart, widthOf, type Paint } from './terminal.ts';
import { roundLeft } from './time-left.ts';

/** How a rollout ended, as one column of the strip. */
export interface Ended {
  reward: number | null;
  success: boolean | null;
  failed: boolean;
}

export interface Picture {
  workflow: string;
  policy: string;
  progress: RunProgress;
  /** Milliseconds since the start, and since rollouts began. */
  elapsed: number;
  working: number;
  /** Milliseconds; undefined while nobody can tell. */
  left: number | undefined;
  /** The newest last. */
  recent: readonly Ended[];
  held: readonly string[];
}

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const SPIN_MS = 120;
/** Wider ones are harder to read, not easier. */
export const MOST_COLUMNS = 100;
const INDENT = '  ';

export function spinner(milliseconds: number): string {
  return SPINNER[Math.floor(milliseconds / SPIN_MS) % SPINNER.length]!;
}

export function frame(picture: Picture, terminalWidth: number, paint: Paint): string[] {
  const width = Math.min(terminalWidth - 1, MOST_COLUMNS);
  const { held } = picture;
  return [
    headOf(picture, width, paint),
    INDENT + barLine(picture, width - INDENT.length, paint),
    INDENT + figures(picture, width - INDENT.length, paint),
    INDENT + strip(picture.recent, width - INDENT.length, paint),
    ...held.slice(0, 3).map((line) => INDENT + paint.yellow(`‖ ${line}`)),
    ...(held.length > 3 ? [INDENT + paint.yellow(t('… and {0} more', held.length - 3))] : []),
  ];
}

export function headOf({ workflow, policy, elapsed }: Pick<Picture, 'workflow' | 'policy' | 'elapsed'>, width: number, paint: Paint): string {
  const time = clock(elapsed);
  const room = width - 2 - widthOf(time) - 1;
  const name = fit(workflow, Math.max(8, room - 12));
  const model = fit(policy, Math.max(4, room - widthOf(name) - 3));
  const left = `${paint.cyan(spinner(elapsed))} ${paint.bold(name)} ${paint.dim('·')} ${model}`;
  return `${padEnd(left, width - widthOf(time))}${paint.dim(time)}`;
}

function barLine({ progress, left }: Picture, width: number, paint: Paint): string {
  const done = doneOf(progress);
  const planned = count(progress.planned);
  const counted = `${padStart(count(done), planned.length)}/${planned}`;
  const time = left === undefined ? '' : t('{0} left', clock(roundLeft(left)));
  const right = `  ${counted}  ${padEnd(time, 16)}`;
  return barOf(progress.planned === 0 ? 0 : done / progress.planned, right, width, paint);
}

/** As much of it is filled as is done; `right` stands behind it. */
export function barOf(share: number, right: string, width: number, paint: Paint): string {
  const room = Math.max(4, width - widthOf(right));
  const filled = Math.min(room, Math.floor(share * room));
  return `${paint.cyan('━'.repeat(filled))}${paint.dim('─'.repeat(room - filled))}${right}`.trimEnd();
}

/** Those that don't fit are left out, the least telling first; the others stay in their places. */
function figures({ progress, working }: Picture, width: number, paint: Paint): string {
  const { rewards, rewardSum, rewardSquares, judgedSuccess, successes, failed, running, held } = progress;
  const seconds = working / 1_000;
  const rate = seconds > 1 ? doneOf(progress) / seconds : 0;
  const margin = meanMargin(rewards, rewardSum, rewardSquares);
  const label = (name: string, value: string): string => `${paint.dim(name)} ${value}`;
  const all: [weight: number, text: string][] = [
    [9, rewards === 0 ? '' : label(t('reward'), paint.bold(decimal(rewardSum / rewards)) + padEnd(Number.isFinite(margin) ? ` ±${decimal(margin)}` : '', 6))],
    [7, judgedSuccess === 0 ? '' : label(t('success'), padStart(percent(successes / judgedSuccess), 5))],
    [8, failed === 0 ? '' : paint.red(t('✗ {0} failed', count(failed)))],
    [6, running - held <= 0 ? '' : paint.dim(t('{0} running', padStart(count(running - held), 2)))],
    [5, rate === 0 ? '' : paint.dim(speed(rate))],
    [4, seconds <= 1 || progress.sampled === 0 ? '' : paint.dim(t('{0} tokens/s', padStart(count(progress.sampled / seconds), 5)))],
  ];
  const shown = all.filter(([, text]) => text !== '');
  const line = (): string => shown.map(([, text]) => text).join('  ');
  while (shown.length > 1 && widthOf(line()) > width) shown.splice(shown.indexOf(shown.reduce((a, b) => (b[0] < a[0] ? b : a))), 1);
  return line();
}

function speed(perSecond: number): string {
  return perSecond >= 0.95
    ? t('{0} rollouts/s', padStart(decimal(perSecond, 1), 5))
    : t('{0} rollouts/min', padStart(decimal(perSecond * 60, 1), 5));
}

/** One column for each of the newest rollouts: height is reward, a cross is a failure. */
function strip(recent: readonly Ended[], width: number, paint: Paint): string {
  const rewards = recent.flatMap(({ reward }) => reward ?? []);
  const low = Math.min(0, ...rewards);
  const high = Math.max(...rewards, low);
  return recent.slice(-width).map(({ reward, success, failed }) => {
    if (failed) return paint.red('✗');
    if (reward === null) return paint.dim('·');
    const column = level(reward, low, high);
    return success === true ? paint.green(column) : column;
  }).join('');
}

/** The same as one plain line, for a log. */
export function sentence({ progress, working, left }: Picture, paint: Paint): string {
  const { rewards, rewardSum, judgedSuccess, successes, failed, planned } = progress;
  const done = doneOf(progress);
  const seconds = working / 1_000;
  return [
    `${count(done)}/${plural(planned, '{0} rollout', '{0} rollouts')}`,
    ...(rewards === 0 ? [] : [`${t('reward')} ${decimal(rewardSum / rewards)}`]),
    ...(judgedSuccess === 0 ? [] : [`${t('success')} ${percent(successes / judgedSuccess)}`]),
    ...(failed === 0 ? [] : [paint.red(t('✗ {0} failed', count(failed)))]),
    ...(done === 0 || seconds < 1 ? [] : [speed(done / seconds).trim()]),
    ...(left === undefined ? [] : [t('{0} left', clock(roundLeft(left)))]),
  ].join(' · ');
}

export function doneOf({ finished, failed, cancelled }: RunProgress): number {
  return finished + failed + cancelled;
}
