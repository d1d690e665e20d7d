/** Values of a chart as a table: for a screen reader, and for whoever wants the digits. */
import { h } from '../shared/dom.ts';
import { count } from '../shared/format.ts';
import { t } from './texts.ts';

export interface ValueRow {
  step: number;
  name: string;
  cells: string[];
}

/** `of`: how many values there are; the rows are some of them. */
export function valueTable(title: string, columns: readonly string[], rows: readonly ValueRow[], of: number, named: boolean): HTMLElement {
  return h('table', {}, h('caption', {}, title, rows.length < of && h('span', { class: 'dim' }, ' · ', t('fewer', count(rows.length), count(of)))),
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('step')), named && h('th', { scope: 'col' }, t('training')), ...columns.map((column) => h('th', { scope: 'col', class: 'number' }, column)))),
    h('tbody', {}, ...rows.map(({ step, name, cells }) => h('tr', {}, h('th', { scope: 'row', class: 'number' }, step), named && h('td', {}, name), ...cells.map((cell) => h('td', { class: 'number' }, cell))))));
}
