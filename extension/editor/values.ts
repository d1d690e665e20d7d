/** What stands beside the code: a few words for each line that a run tells something of. */
import type { CallFigures, RunFigures, Site } from '../results/figures.ts';
import { decimal, percent, spread, type L10n } from './words.ts';

export interface InlineValue {
  /** Counts from 0, in the text as it is now. */
  line: number;
  text: string;
  /** What its hover tells of. */
  reward: boolean;
  site: Site | undefined;
  run: RunFigures;
}

export interface ValueSources {
  run: RunFigures;
  /** The run its rewards are told against. */
  before: RunFigures | undefined;
  path: string;
  /** Where the reward belongs, from 0, in the text as it is now. */
  rewardLines: readonly number[];
  /** Where a line of then is now. */
  find(line: number): number | undefined;
}

export function inlineValues({ run, before, path, rewardLines, find }: ValueSources, l10n: L10n): InlineValue[] {
  const sites = run.sites.get(path) ?? new Map<number, Site>();
  const reward = rewardLines.length === 0 ? undefined : rewardText(run, before, l10n);
  const values: InlineValue[] = [...sites.values()].flatMap((site) => {
    const line = find(site.line - 1);
    return line === undefined ? [] : [{ line, text: siteText(site, l10n), reward: false, site, run }];
  });
  if (reward === undefined) return values;
  for (const line of rewardLines) {
    const there = values.find((value) => value.line === line);
    if (there === undefined) values.push({ line, text: reward, reward: true, site: undefined, run });
    else Object.assign(there, { text: `${reward} · ${there.text}`, reward: true });
  }
  return values;
}

/** `reward 0.62 → 0.71 ± 0.2 (16)`; undefined before the first rollout ended. */
export function rewardText({ info, reward, rollouts, failed, step, validation }: RunFigures, before: RunFigures | undefined, l10n: L10n): string | undefined {
  if (rollouts === 0) return undefined;
  const was = info.source === undefined ? undefined : before?.reward;
  const moved = was !== undefined && reward !== undefined && decimal(was.mean) !== decimal(reward.mean) ? `${decimal(was.mean)} → ` : '';
  const words = [reward === undefined ? l10n.t('no reward') : l10n.t('reward {0} ({1})', `${moved}${spread(reward)}`, reward.count)];
  if (step !== undefined) words.unshift(l10n.t('step {0}', step));
  if (validation !== undefined) words.push(l10n.t('validation {0}', decimal(validation.reward.mean)));
  if (failed > 0) words.push(l10n.t('{0} failed', failed));
  return words.join(' · ');
}

const texts = new WeakMap<Site, string>();

/** `48 calls · 31 tokens · logprob −0.42 · 6% truncated` */
export function siteText(site: Site, l10n: L10n): string {
  const text = texts.get(site) ?? wordsOf(site, l10n);
  texts.set(site, text);
  return text;
}

function wordsOf({ all, failed }: Site, l10n: L10n): string {
  const words: string[] = [];
  if (all.calls > 0) words.push(all.calls === 1 ? l10n.t('1 call') : l10n.t('{0} calls', all.calls), l10n.t('{0} tokens', decimal(all.sampled / all.calls, 0)));
  const logprob = meanLogprob(all);
  if (logprob !== undefined) words.push(l10n.t('logprob {0}', decimal(logprob)));
  if (all.truncated > 0) words.push(l10n.t('{0} truncated', percent(all.truncated / all.calls)));
  if (all.malformed > 0) words.push(l10n.t('{0} malformed', percent(all.malformed / all.calls)));
  if (failed > 0) words.push(l10n.t('{0} failed', failed));
  return words.join(' · ');
}

/** Of a sampled token, in the mean. */
export function meanLogprob({ logprobs }: CallFigures): number | undefined {
  return logprobs.count === 0 ? undefined : logprobs.sum / logprobs.count;
}
