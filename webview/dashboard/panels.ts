/** What is told of one training below its charts. */
import type { NotableRollouts, SeenRollout, TrainingDetail } from '../../runtime/protocol/dashboard.ts';
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import type { Estimate } from '../../runtime/protocol/training.ts';
import { h } from '../shared/dom.ts';
import { count, decimal, duration, NONE, percent } from '../shared/format.ts';
import { t, type TextKey } from './texts.ts';

type Head = TextKey | { text: string };

function table(title: string, heads: readonly Head[], rows: readonly (readonly (Node | string | number)[])[], empty: string): HTMLElement {
  if (rows.length === 0) return h('p', { class: 'dim' }, empty);
  return h('table', { 'aria-label': title },
    h('thead', {}, h('tr', {}, ...heads.map((head, i) => h('th', { scope: 'col', class: i === 0 ? '' : 'number' }, typeof head === 'string' ? t(head) : head.text)))),
    h('tbody', {}, ...rows.map((cells) => h('tr', {}, ...cells.map((cell, i) => (i === 0 ? h('th', { scope: 'row' }, cell) : h('td', { class: 'number' }, cell)))))));
}

export function panel(title: string, ...content: (Node | string | false | undefined)[]): HTMLElement {
  return h('section', { class: 'panel' }, h('h3', {}, title), ...content);
}

export function evaluationsPanel({ evaluations }: TrainingDetail): HTMLElement {
  const ks = [...new Set(evaluations.flatMap(({ sampled }) => Object.keys(sampled.passAt)))].filter((k) => k !== '1').sort((a, b) => Number(a) - Number(b));
  const bestStep = evaluations.findLast(({ best }) => best)?.step;
  const rows = evaluations.map(({ step, greedy, sampled, tasks }) => [
    h('span', {}, step === 0 ? t('untrained') : String(step), ' ', step === bestStep && h('span', { class: 'chip' }, t('best'))), estimate(greedy.reward), estimate(sampled.reward), share(greedy.success), share(sampled.success),
    ...ks.map((k) => percent(sampled.passAt[k] ?? NaN)), count(tasks),
  ]);
  const section = panel(t('evaluations'), table(t('evaluations'), ['step', 'greedyReward', 'sampledReward', 'greedySuccess', 'sampledSuccess', ...ks.map((k) => ({ text: t('passAt', k) })), 'tasks'], rows, t('none')));
  section.classList.add('wide');
  return section;
}

function estimate(value: Estimate | null): Node {
  if (value === null) return h('span', { class: 'dim' }, NONE);
  return h('span', {}, decimal(value.mean, 3), h('span', { class: 'dim' }, ` [${decimal(value.low, 3)}, ${decimal(value.high, 3)}]`));
}

function share(value: Estimate | null): string {
  return value === null ? NONE : percent(value.mean);
}

export function processesPanel({ processes, state }: TrainingDetail): HTMLElement {
  const over = state !== 'running' && state !== 'paused';
  const shown = over ? processes.filter(({ up }) => up) : processes;
  const rows = shown.map(({ name, pid, up, memory, busy }) => [
    h('span', {}, h('span', { class: up ? 'lamp on' : 'lamp off', 'aria-hidden': 'true' }), t(`process_${name}`), h('span', { class: 'dim number' }, ` ${pid}`)), t(up ? 'up' : 'gone'),
    memory === null ? NONE : `${count(memory / 2 ** 20)} MB`, busy === null ? NONE : t('cores', decimal(busy, 1)),
  ]);
  return panel(t('processes'), table(t('processes'), ['process', 'state_running', 'memory', 'busy'].map((head, i) => (i === 1 ? { text: '' } : head as TextKey)), rows, t('noProcesses')));
}

export function noticesPanel({ notices, error }: TrainingDetail): HTMLElement {
  const all: { info: ErrorInfo; bad: boolean }[] = [...(error === null ? [] : [{ info: error, bad: true }]), ...notices.map((info) => ({ info, bad: false }))];
  return panel(t('notices'), all.length === 0 ? h('p', { class: 'dim' }, t('noNotices')) : h('ul', { class: 'notices' }, ...all.map(({ info, bad }) => h('li', { class: bad ? 'bad' : 'warn' },
    h('p', {}, info.message), info.next !== undefined && h('p', { class: 'dim' }, t('nextStep', info.next)), info.where !== undefined && h('p', { class: 'dim' }, `${info.where.file}${info.where.line === undefined ? '' : `:${info.where.line}`}`)))));
}

export function checkpointsPanel({ checkpoints }: TrainingDetail): HTMLElement {
  const rows = checkpoints.toSorted((a, b) => b.step - a.step);
  return panel(t('checkpoints'), rows.length === 0 ? h('p', { class: 'dim' }, t('none')) : h('ul', { class: 'plain' }, ...rows.map(({ name, best, asked, directory }) =>
    h('li', {}, h('b', {}, name), ' ', best && h('span', { class: 'chip' }, t('best')), asked && h('span', { class: 'chip' }, t('asked_')), h('span', { class: 'dim mono' }, ` ${directory}`)))));
}

export function configPanel({ config, conf }: TrainingDetail, open: boolean, toggled: (open: boolean) => void, show: (() => void) | undefined): HTMLElement {
  const details = h('details', { open }, h('summary', {}, t('config')), h('p', { class: 'dim mono' }, conf, ' ', show !== undefined && h('button', { class: 'link', onclick: show }, t('openConfig'))), h('pre', { class: 'mono', tabindex: 0 }, config));
  details.addEventListener('toggle', () => toggled(details.open));
  return h('section', { class: 'panel wide' }, details);
}

/** `range` of rewards, where only those are meant. */
export function stepPanel(notable: NotableRollouts | undefined, range: [number, number] | undefined, clear: () => void, open: ((rollout: string) => void) | undefined): HTMLElement {
  if (notable === undefined) return h('section', { class: 'chart step' }, h('header', {}, h('h3', {}, t('rolloutsLink'))), h('p', { class: 'dim' }, t('noRollouts')));
  const { from, to, count: all, worst, slowest } = notable;
  const title = from === to ? t('stepRollouts', from) : t('stepsRollouts', from, to);
  return h('section', { class: 'chart step', 'aria-live': 'polite' },
    h('header', {}, h('h3', {}, title), h('span', { class: 'value dim number' }, t('rolloutCount', count(all)))),
    range !== undefined && h('p', { class: 'dim' }, t('withReward', decimal(range[0]), decimal(range[1])), ' ', h('button', { class: 'link', onclick: clear }, t('clear'))),
    h('div', { class: 'halves' }, rollouts('worst', worst, open), rollouts('slowest', slowest, open)));
}

function rollouts(title: 'worst' | 'slowest', seen: readonly SeenRollout[], open: ((rollout: string) => void) | undefined): HTMLElement {
  return h('div', {}, h('h4', {}, t(title)), seen.length === 0 ? h('p', { class: 'dim' }, t('noRollouts')) : h('ul', { class: 'plain' }, ...seen.map(({ id, task, reward, duration: took, status, flags }) => {
    const told = [h('span', { class: 'id number' }, id), h('span', { class: 'task dim' }, task), h('span', { class: `figure number${title === 'worst' ? '' : ' dim'}` }, status === 'finished' ? decimal(reward ?? NaN, 2) : '✗'), h('span', { class: `figure number${title === 'slowest' ? '' : ' dim'}` }, duration(took))];
    const hint = [open === undefined ? id : t('openRollout', id), task, ...flags].join(' · ');
    return h('li', {}, open === undefined ? h('span', { class: 'rollout', title: hint }, ...told) : h('button', { class: 'rollout', title: hint, onclick: () => open(id) }, ...told));
  })));
}
