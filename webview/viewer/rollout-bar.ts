/** The line above a rollout: its figures, and the way to its neighbours. */
import { STATUS, type RolloutTable } from '../../runtime/view/rollout-table.ts';
import { h, icon } from '../shared/dom.ts';
import { count, decimal, duration, signed } from '../shared/format.ts';
import { t } from './texts.ts';

export interface BarActions {
  step(by: 1 | -1): void;
  /** Absent: nothing can be debugged here. */
  debug: (() => void) | undefined;
}

export function barLine(table: RolloutTable, row: number, { step, debug }: BarActions): HTMLElement[] {
  const { ids, numbers, codes } = table;
  const status = STATUS[codes.status[row]!]!;
  const fact = (name: string, value: string): HTMLElement => h('span', { class: 'fact' }, h('span', { class: 'dim' }, name), h('span', { class: 'number' }, value));
  const known = (name: 'advantage' | 'trained', text: (value: number) => string): HTMLElement[] => (Number.isNaN(numbers[name][row]!) ? [] : [fact(t(name), text(numbers[name][row]!))]);
  return [
    h('button', { class: 'tool', title: `${t('previousRollout')} (,)`, 'aria-label': t('previousRollout'), onclick: () => step(-1) }, icon('left')),
    h('button', { class: 'tool', title: `${t('nextRollout')} (.)`, 'aria-label': t('nextRollout'), onclick: () => step(1) }, icon('right')),
    h('h2', {}, ids[row]!), h('span', { class: 'dim task-name' }, table.taskName(row)),
    fact(t('reward'), decimal(numbers.reward[row]!)), ...known('advantage', (advantage) => signed(advantage, 2)),
    fact(t('turns'), count(numbers.calls[row]!)), fact(t('sampled'), count(numbers.sampled[row]!)), ...known('trained', count), fact(t('duration'), duration(numbers.duration[row]!)),
    ...(status === 'finished' ? [] : [h('span', { class: `chip${status === 'failed' ? ' bad' : ''}` }, t(`state_${status}`))]),
    ...table.flagsOf(row).map((flag) => h('span', { class: `chip${flag.startsWith('error') ? ' bad' : ''}` }, flag)),
    h('span', { class: 'spring' }),
    // What goes on can't be walked through.
    ...(debug === undefined || status === 'running' ? [] : [h('button', { class: 'action', title: t('debugRollout'), 'aria-label': t('debugRollout'), onclick: debug }, icon('bug'), h('span', { class: 'wide-only' }, t('debugRollout')))]),
  ];
}
