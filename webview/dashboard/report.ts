/** What a training changed: before and after, which tasks turned, and how both go about the same task. */
import type { Estimate, ReportTask, TrainingReport, Transcript } from '../../runtime/protocol/training.ts';
import { h } from '../shared/dom.ts';
import { decimal, duration, NONE, percent, signed } from '../shared/format.ts';
import { t } from './texts.ts';

export function reportPanel(report: TrainingReport, open: ((rollout: string) => void) | undefined): HTMLElement {
  const { before, after, gain, gained, spoiled, pairs } = report;
  const rows = (['greedy', 'sampled'] as const).flatMap((kind) => [
    { name: t(`${kind}Row`), was: before?.[kind].reward ?? null, is: after?.[kind].reward ?? null, gain: gain[kind], text: (value: number) => decimal(value, 3) },
    { name: t(kind === 'greedy' ? 'successGreedyRow' : 'successSampledRow'), was: before?.[kind].success ?? null, is: after?.[kind].success ?? null, gain: null, text: percent },
  ]).filter(({ was, is }) => was !== null || is !== null);
  return h('section', { class: 'panel wide report', id: 'report' }, h('h3', {}, t('report'), h('span', { class: 'dim' }, ` · ${report.model} · ${t('took', duration(report.duration))}`)),
    h('table', { class: 'gain' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }), h('th', { scope: 'col', class: 'number' }, t('before')), h('th', { scope: 'col', class: 'number' }, t('after')), h('th', { scope: 'col', class: 'number' }, t('reportGain')), h('th', { scope: 'col', class: 'bars', title: t('interval') }, h('span', { class: 'unseen' }, t('interval'))))),
      h('tbody', {}, ...rows.map(({ name, was, is, gain: by, text }) => h('tr', {}, h('th', { scope: 'row' }, name), cell(was, text), cell(is, text), h('td', { class: `number ${by !== null && by.low > 0 ? 'good' : ''}` }, by === null ? '' : interval(by, (value) => signed(value, 3))), h('td', { class: 'bars' }, bars(was, is)))))),
    h('p', { class: 'turned' }, h('span', {}, h('b', { class: 'good' }, '↑ '), t('gained', gained.length), tasks(gained)), h('span', {}, h('b', { class: 'bad' }, '↓ '), t('spoiled', spoiled.length), tasks(spoiled))),
    pairs.length > 0 && h('h4', {}, t('sideBySide')),
    ...pairs.map(({ task, before: was, after: is }) => h('details', { class: 'pair' }, h('summary', {}, t('taskIs', task.taskId), h('span', { class: 'dim number' }, ` ${decimal(was.reward ?? NaN, 2)} → ${decimal(is.reward ?? NaN, 2)}`)),
      h('div', { class: 'halves' }, transcript(t('before'), was, open), transcript(t('after'), is, open)))));
}

function cell(value: Estimate | null, text: (value: number) => string): HTMLElement {
  return h('td', { class: 'number' }, value === null ? NONE : interval(value, text));
}

function interval({ mean, low, high }: Estimate, text: (value: number) => string): HTMLElement {
  return h('span', {}, text(mean), h('span', { class: 'dim' }, ` [${text(low)}, ${text(high)}]`));
}

/** Both on one scale from 0 to 1: where most rewards and all shares lie. */
function bars(was: Estimate | null, is: Estimate | null): HTMLElement {
  const bar = (value: Estimate | null, name: string): HTMLElement => {
    const track = h('span', { class: `track ${name}`, 'aria-hidden': 'true' });
    if (value === null) return track;
    const at = (one: number): string => `${Math.max(0, Math.min(1, one)) * 100}%`;
    for (const [property, one] of [['--mean', value.mean], ['--low', value.low], ['--high', value.high]] as const) track.style.setProperty(property, at(one));
    return track;
  };
  return h('span', { class: 'both' }, bar(was, 'was'), bar(is, 'is'));
}

function tasks(named: readonly ReportTask[]): string {
  return named.length === 0 ? '' : `: ${named.slice(0, 12).map(({ taskId }) => taskId).join(', ')}${named.length > 12 ? ', …' : ''}`;
}

function transcript(title: string, { rollout, reward, messages }: Transcript, open: ((rollout: string) => void) | undefined): HTMLElement {
  return h('div', { class: 'transcript' }, h('h4', {}, title, ' ', h('span', { class: 'dim' }, t('rewardIs', decimal(reward ?? NaN, 2))), ' ', open !== undefined && h('button', { class: 'link', onclick: () => open(rollout), 'aria-label': t('openRollout', rollout) }, rollout)),
    ...messages.map(({ role, text }) => h('div', { class: `message ${role === 'assistant' ? 'assistant' : ''}` }, h('span', { class: 'role dim' }, roleName(role)), h('pre', {}, text))));
}

function roleName(role: string): string {
  return role === 'system' || role === 'user' || role === 'assistant' || role === 'tool' ? t(`role_${role}`) : role;
}
