/** A run in one line, from its counts. No editor here: whoever calls brings its `l10n`. */
import type { RunProgress } from '../../runtime/protocol/backbone.ts';
import type { RolloutCounts } from '../../runtime/protocol/trace.ts';

export interface Localizer {
  t(text: string, ...values: (string | number)[]): string;
}

export function doneOf({ finished, failed, cancelled }: RunProgress): number {
  return finished + failed + cancelled;
}

export function meanReward({ rewards, rewardSum }: RunProgress): number | undefined {
  return rewards === 0 ? undefined : rewardSum / rewards;
}

export function rolloutCount(count: number, l10n: Localizer): string {
  return count === 1 ? l10n.t('1 rollout') : l10n.t('{0} rollouts', count.toLocaleString());
}

export function countsText({ calls, prompt, sampled }: Pick<RolloutCounts, 'calls' | 'prompt' | 'sampled'>, l10n: Localizer): string {
  const [before, after] = [prompt.toLocaleString(), sampled.toLocaleString()];
  return calls === 1 ? l10n.t('1 call, {0} prompt and {1} sampled tokens', before, after) : l10n.t('{0} calls, {1} prompt and {2} sampled tokens', calls, before, after);
}

/** Two decimals, no sign on a zero. */
export function decimal(value: number, digits = 2): string {
  return value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, '$1');
}

export function duration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds) % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `5 of 16 · mean reward 0.62 · 1 failed`. */
export function progressText(progress: RunProgress, l10n: Localizer): string {
  const mean = meanReward(progress);
  return [
    l10n.t('{0} of {1}', doneOf(progress), progress.planned),
    ...(mean === undefined ? [] : [l10n.t('mean reward {0}', decimal(mean))]),
    ...(progress.failed === 0 ? [] : [l10n.t('{0} failed', progress.failed)]),
  ].join(' · ');
}
