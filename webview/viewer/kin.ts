/** Below the bar of a rollout: what it was forked from, and what was forked from it, with the reward of each. */
import type { Kin } from '../../runtime/protocol/viewer.ts';
import { count, decimal } from '../shared/format.ts';
import { h, icon } from '../shared/dom.ts';
import { t } from './texts.ts';
import type { Viewer } from './viewer.ts';

/** Links of one line; the rest is counted. */
const SHOWN = 12;

/** One line for the parent, one for each place that was forked from. */
export function kinLines(viewer: Viewer, kin: readonly Kin[]): HTMLElement[] {
  const lines = new Map<string, Kin[]>();
  for (const one of kin) {
    const point = `${one.kind} ${one.call} ${one.token ?? 0}`;
    lines.set(point, [...lines.get(point) ?? [], one]);
  }
  return [...lines.values()].map((line) => {
    const [first] = line;
    const rewards = line.flatMap(({ reward }) => reward ?? []);
    const parent = first!.kind === 'parent';
    if (first!.gone) return h('div', { class: 'kin-line dim' }, icon('fork'), t('forkedFrom', pointText(first!)), h('span', {}, first!.rollout), t('kinGone', nameOf(first!.dir)));
    return h('div', { class: 'kin-line' },
      icon('fork'), h('span', { class: 'dim' }, parent ? t('forkedFrom', pointText(first!)) : t('forksFrom', count(line.length), pointText(first!))),
      ...(parent || rewards.length < 2 ? [] : [h('span', { class: 'dim' }, t('meanReward', decimal(rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length)))]),
      ...line.slice(-SHOWN).map((one) => h('span', { class: 'kin' }, kinLink(viewer, one), h('span', { class: 'number', title: t('reward') }, one.reward === null ? t(`state_${one.status}`) : decimal(one.reward)))),
      line.length > SHOWN && h('span', { class: 'dim' }, `+${count(line.length - SHOWN)}`),
      h('span', { class: 'spring' }),
      h('button', { class: 'link', onclick: () => viewer.compareForks() }, t('compare')));
  });
}

export function kinLink(viewer: Viewer, { dir, rollout, call, token }: Kin): HTMLElement {
  const { capabilities } = viewer.run;
  if (!capabilities.includes('code') && !capabilities.includes('runs')) return h('span', {}, rollout);
  return h('button', { class: 'link', title: dir, onclick: () => void viewer.openRun({ do: 'openRun', dir, rollout, call, ...(token !== undefined && { token }) }) }, rollout);
}

const nameOf = (dir: string): string => dir.split(/[\\/]/).at(-1)!;

export function pointText({ call, token = 0 }: Pick<Kin, 'call' | 'token'>): string {
  return token === 0 ? t('call', call) : t('callToken', call, token);
}
