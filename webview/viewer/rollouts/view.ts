/** The table of rollouts: filter, sort, histogram; only the rows in sight are elements. */
import type { Test } from '../../../runtime/view/filter.ts';
import { STATUS, type RolloutTable } from '../../../runtime/view/rollout-table.ts';
import { count, decimal, duration, NONE, percent, signed } from '../../shared/format.ts';
import { h, icon, styled } from '../../shared/dom.ts';
import { VirtualRows } from '../../shared/virtual-rows.ts';
import type { Viewer } from '../viewer.ts';
import { t, type Key } from '../texts.ts';
import { FilterBox } from './filter-box.ts';
import { Histogram } from './histogram.ts';
import { filtered, inRange, rewardBars, sortedRows, type RewardRange, type Sort, type SortKey } from './order.ts';

const ROW_HEIGHT = 24;
const HEAD_HEIGHT = 28;
const RUNNING = STATUS.indexOf('running');
const FAILED = STATUS.indexOf('failed');

interface Column {
  key: SortKey;
  title: Key;
  kind: 'text' | 'number';
  cell(table: RolloutTable, row: number): Node | string;
}

const number = (key: 'step' | 'sample' | 'calls' | 'sampled' | 'trained', title: Key): Column => ({ key, title, kind: 'number', cell: ({ numbers }, row) => count(numbers[key][row]!) });

const COLUMNS: readonly Column[] = [
  { key: 'id', title: 'rollout', kind: 'text', cell: (table, row) => h('span', { class: 'rollout-id' }, statusMark(table, row), table.ids[row]!) },
  number('step', 'step'),
  { key: 'task', title: 'task', kind: 'text', cell: (table, row) => table.taskName(row) },
  number('sample', 'sample'),
  { key: 'role', title: 'role', kind: 'text', cell: roleCell },
  { key: 'reward', title: 'reward', kind: 'number', cell: rewardCell },
  { key: 'advantage', title: 'advantage', kind: 'number', cell: ({ numbers }, row) => signed(numbers.advantage[row]!, 2) },
  number('calls', 'turns'),
  { key: 'tokens', title: 'tokensColumn', kind: 'number', cell: ({ numbers }, row) => count(numbers.prompt[row]! + numbers.sampled[row]!) },
  number('sampled', 'sampled'),
  number('trained', 'trained'),
  { key: 'flags', title: 'flags', kind: 'text', cell: (table, row) => flagCell(table, row) },
  { key: 'duration', title: 'duration', kind: 'number', cell: ({ numbers, codes }, row) => (codes.status[row] === RUNNING ? '' : duration(numbers.duration[row]!)) },
];

export class RolloutsView {
  readonly element: HTMLElement;
  readonly #viewer: Viewer;
  readonly #table: RolloutTable;
  readonly #list: VirtualRows;
  readonly #grid: HTMLElement;
  readonly #body = h('div', { role: 'rowgroup' });
  readonly #heads: HTMLElement[];
  readonly #filter: FilterBox;
  readonly #histogram: Histogram;
  readonly #counts = h('div', { class: 'counts', role: 'status' });
  readonly #empty = h('p', { class: 'empty' });
  #test: Test = () => true;
  #sorted: Uint32Array = new Uint32Array(0);
  #rows: Uint32Array = new Uint32Array(0);
  #current = 0;

  constructor(viewer: Viewer, table: RolloutTable) {
    this.#viewer = viewer;
    this.#table = table;
    this.#filter = new FilterBox(table, (expression, test) => {
      this.#test = test;
      viewer.remember({ filter: expression });
      this.#select();
    });
    this.#histogram = new Histogram((range) => this.#setRange(range));
    this.#heads = COLUMNS.map((column) => h('button', { class: `column ${column.kind} col-${column.key}`, role: 'columnheader', tabindex: '-1', onclick: () => this.#sortBy(column.key) }, h('span', {}, t(column.title)), h('span', { class: 'sort-mark', 'aria-hidden': 'true' })));
    this.#grid = h('div', { class: 'rollout-table', role: 'grid', tabindex: '0', 'aria-label': t('rollouts'), 'aria-multiselectable': 'true', onkeydown: (event: KeyboardEvent) => this.#key(event) },
      h('div', { class: 'table-top', role: 'rowgroup' }, h('div', { class: 'table-head', role: 'row' }, h('span', { class: 'col-mark', role: 'columnheader', title: t('marked'), 'aria-label': t('marked') }), ...this.#heads)), this.#body);
    this.#list = new VirtualRows({ scroller: this.#grid, layer: this.#body, top: HEAD_HEIGHT, rowHeight: ROW_HEIGHT, draw: (index) => this.#draw(index) });
    this.element = h('section', { class: 'view rollouts-view', 'aria-label': t('rollouts'), onkeydown: (event: KeyboardEvent) => this.#viewKey(event) },
      h('div', { class: 'rollouts-top' },
        h('div', { class: 'rollouts-filter' }, this.#filter.element, this.#counts),
        this.#histogram.element),
      this.#grid, this.#empty);
    this.element.addEventListener('leave', () => this.#grid.focus());
    this.#filter.set(viewer.state.filter);
    this.#sort();
  }

  /** Rollouts in the order shown: what the next and the previous one are. */
  get order(): Uint32Array {
    return this.#rows;
  }

  focus(): void {
    this.#grid.focus();
  }

  /** Rows were added, or those in flight changed. Who reads on stays where they are; who was at the end follows it. */
  grown(): void {
    const { scrollTop } = this.#grid;
    const following = scrollTop > 0 && this.#list.atEnd;
    const top = scrollTop > 0 && !following ? this.#rows[this.#list.first] : undefined;
    const within = scrollTop % ROW_HEIGHT;
    const current = this.#rows[this.#current];
    this.#sort();
    if (current !== undefined) this.#current = Math.max(0, this.#rows.indexOf(current));
    if (following) this.#list.scrollTo(this.#rows.length - 1);
    else if (top !== undefined) {
      const place = this.#rows.indexOf(top);
      if (place !== -1) {
        this.#grid.scrollTop = place * ROW_HEIGHT + within;
        this.#list.update();
      }
    }
  }

  /** Makes a rollout the current row, where it is shown. */
  reveal(rollout: string): void {
    const place = this.#rows.indexOf(this.#table.place(rollout));
    if (place !== -1) this.#moveTo(place, 'center');
  }

  redraw(): void {
    this.#list.redraw();
  }

  #setRange(range: RewardRange | undefined): void {
    this.#viewer.remember({ range });
    this.#select();
  }

  #sortBy(by: SortKey): void {
    const { sort } = this.#viewer.state;
    const next: Sort = sort.by !== by ? { by, descending: false } : sort.descending ? { by: 'place', descending: false } : { by, descending: true };
    this.#viewer.remember({ sort: next });
    this.#sort();
    this.#moveTo(0);
  }

  #sort(): void {
    const { sort } = this.#viewer.state;
    this.#sorted = sortedRows(this.#table, sort);
    for (const [place, column] of COLUMNS.entries()) {
      const sorted = column.key === sort.by;
      this.#heads[place]!.setAttribute('aria-sort', !sorted ? 'none' : sort.descending ? 'descending' : 'ascending');
      this.#heads[place]!.lastElementChild!.textContent = !sorted ? '' : sort.descending ? '▾' : '▴';
    }
    this.#select();
  }

  #select(): void {
    const { range } = this.#viewer.state;
    const all = filtered(this.#sorted, this.#test);
    const chosen = this.#rows[this.#current];
    this.#rows = range === undefined ? all : filtered(all, inRange(this.#table, range));
    const place = chosen === undefined ? -1 : this.#rows.indexOf(chosen);
    this.#current = Math.max(0, place);
    this.#histogram.show(rewardBars(this.#table, all), range);
    this.#list.reset(this.#rows.length);
    this.#grid.setAttribute('aria-rowcount', String(this.#rows.length + 1));
    this.#tell();
  }

  #tell(): void {
    const { reward } = this.#table.numbers;
    const { success } = this.#table.codes;
    let [sum, rewarded, told, successes] = [0, 0, 0, 0];
    for (const row of this.#rows) {
      if (reward[row] === reward[row]) {
        sum += reward[row]!;
        rewarded++;
      }
      if (success[row] !== 2) {
        told++;
        successes += success[row]!;
      }
    }
    const { range } = this.#viewer.state;
    const shown = this.#rows.length === this.#table.count ? t('shownAll', count(this.#table.count)) : t('shown', count(this.#rows.length), count(this.#table.count));
    this.#counts.replaceChildren(
      h('span', {}, shown),
      rewarded > 0 ? h('span', { class: 'dim' }, t('meanReward', decimal(sum / rewarded))) : '',
      told > 0 ? h('span', { class: 'dim' }, t('success', percent(successes / told))) : '',
      range === undefined ? '' : h('button', { class: 'chip removable', title: t('clearFilter'), onclick: () => this.#setRange(undefined) }, t('rewardFilter', range.from === range.to ? decimal(range.from) : t('rewardRange', decimal(range.from), decimal(range.to))), icon('close')),
    );
    this.#empty.hidden = this.#rows.length > 0;
    this.#empty.textContent = this.#table.count === 0 ? t('noRollouts') : t('nothingShown');
  }

  #draw(index: number): HTMLElement {
    const row = this.#rows[index]!;
    const table = this.#table;
    const id = table.ids[row]!;
    const current = index === this.#current;
    const marked = this.#viewer.state.marked.includes(id);
    return h('div', {
      class: `table-row${current ? ' current' : ''}${id === this.#viewer.state.rollout ? ' open' : ''}`, role: 'row', id: `rollout-${index}`, 'aria-rowindex': index + 2, 'aria-selected': String(marked),
      onclick: () => this.#moveTo(index), ondblclick: () => this.#open(),
    },
      h('span', { class: 'col-mark', role: 'gridcell', onclick: (event: MouseEvent) => {
        event.stopPropagation();
        this.#moveTo(index);
        this.#mark();
      } }, h('span', { class: `mark${marked ? ' on' : ''}`, 'aria-hidden': 'true' }, marked && icon('check'))),
      ...COLUMNS.map((column) => h('span', { class: `${column.kind} col-${column.key}`, role: 'gridcell' }, column.cell(table, row))));
  }

  #moveTo(index: number, where: 'nearest' | 'center' = 'nearest'): void {
    const before = this.#current;
    this.#current = Math.max(0, Math.min(index, this.#rows.length - 1));
    this.#list.scrollTo(this.#current, where);
    this.#list.replace(before);
    this.#list.replace(this.#current);
    this.#grid.setAttribute('aria-activedescendant', `rollout-${this.#current}`);
  }

  #open(): void {
    const row = this.#rows[this.#current];
    if (row !== undefined) void this.#viewer.open(this.#table.ids[row]!);
  }

  #mark(): void {
    const row = this.#rows[this.#current];
    if (row === undefined) return;
    const id = this.#table.ids[row]!;
    const { marked } = this.#viewer.state;
    this.#viewer.remember({ marked: marked.includes(id) ? marked.filter((one) => one !== id) : [...marked, id] });
    this.#list.replace(this.#current);
  }

  #viewKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLInputElement || !(event.key === '/' || (event.key === 'f' && (event.ctrlKey || event.metaKey)))) return;
    event.preventDefault();
    this.#filter.focus();
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.#grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: this.#list.page, PageUp: -this.#list.page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step !== undefined) this.#moveTo(this.#current + step);
    else if (event.key === 'Enter') this.#open();
    else if (event.key === ' ' || event.key === 'x') this.#mark();
    else return;
    event.preventDefault();
  }
}

function statusMark(table: RolloutTable, row: number): HTMLElement {
  const status = table.codes.status[row]!;
  const success = table.codes.success[row]!;
  const [look, sign] = status === RUNNING ? ['running', ''] : status === FAILED ? ['failed', '!'] : status === 2 ? ['cancelled', '–'] : success === 1 ? ['success', '✓'] : success === 0 ? ['miss', '·'] : ['none', ''];
  return h('span', { class: `status ${look}`, role: 'img', 'aria-label': t(`state_${STATUS[status]!}`), title: t(`state_${STATUS[status]!}`) }, sign!);
}

function roleCell(table: RolloutTable, row: number): Node | string {
  const roles = table.rolesOf(row);
  // Whose calls have a role of their own shall stand out.
  if (roles.length === 1 && roles[0] === 'default') return h('span', { class: 'dim' }, 'default');
  return h('span', { title: roles.join(', ') }, roles.join(', '));
}

/** A bar from zero beside the number, on the scale of most rewards. */
function rewardCell({ numbers }: RolloutTable, row: number): Node | string {
  const reward = numbers.reward[row]!;
  if (Number.isNaN(reward)) return NONE;
  return h('span', { class: 'reward-cell' }, h('span', { class: 'reward-bar' }, styled(h('span', { class: reward < 0 ? 'negative' : '' }), { width: `${Math.min(1, Math.abs(reward)) * 100}%` })), h('span', { class: 'reward-number' }, decimal(reward)));
}

function flagCell(table: RolloutTable, row: number): Node | string {
  const flags = table.flagsOf(row);
  if (table.codes.split[row] === 1) flags.unshift(t('validation'));
  if (flags.length === 0) return '';
  return h('span', {}, ...flags.map((flag) => h('span', { class: `chip${flag.startsWith('error') ? ' bad' : ''}` }, flag)));
}
