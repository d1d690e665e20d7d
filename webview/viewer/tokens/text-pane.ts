/** The tokens of a rollout as text: a cursor that keys and clicks move, a selection, rows that exist only while in sight. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { h } from '../../shared/dom.ts';
import { VirtualRows } from '../../shared/virtual-rows.ts';
import { t } from '../texts.ts';
import type { Block } from './blocks.ts';
import type { Colouring } from './colour.ts';
import { headElement, tokenElement, type HeadActions } from './row.ts';
import { endOf, lastRowOf, layOut, ROW, type Rows } from './rows.ts';

const ROW_HEIGHT = 22;
const GUTTER = 68;
const [FEWEST, MOST] = [24, 160];

export interface PaneEvents extends HeadActions {
  moved(token: number): void;
  laidOut(rows: Rows): void;
  scrolled(first: number, count: number): void;
}

export class TextPane {
  readonly element: HTMLElement;
  readonly #events: PaneEvents;
  readonly #list: VirtualRows;
  #timeline: Timeline | undefined;
  #blocks: Block[] = [];
  #rows: Rows | undefined;
  #colouring: Colouring | undefined;
  #found: Uint8Array | undefined;
  #cursor = 0;
  /** Where a selection began. */
  #anchor = -1;
  #cell = 0;
  #wishedColumn = -1;

  constructor(events: PaneEvents) {
    this.#events = events;
    this.element = h('div', {
      class: 'token-pane', tabindex: '0', role: 'application', 'aria-roledescription': t('tokens'), 'aria-label': t('tokens'), 'aria-keyshortcuts': 'ArrowLeft ArrowRight n p [ ]',
      onkeydown: (event: KeyboardEvent) => this.#key(event), oncopy: (event: ClipboardEvent) => this.#copy(event),
      onpointerdown: (event: PointerEvent) => this.#press(event), onpointermove: (event: PointerEvent) => this.#drag(event),
    });
    this.#list = new VirtualRows({
      scroller: this.element, rowHeight: ROW_HEIGHT, draw: (row) => this.#draw(row),
      drawn: (first, rows) => events.scrolled(first, rows),
    });
    let width = 0;
    let height = 0;
    new ResizeObserver(() => {
      const { clientWidth, clientHeight } = this.element;
      if ((clientWidth === width && clientHeight === height) || clientWidth === 0) return;
      const cursorSeen = this.#cursorWithin(height);
      [width, height] = [clientWidth, clientHeight];
      if (this.#timeline !== undefined && this.#columns() !== this.#rows?.columns) this.#layOut();
      // Code that opens beside makes room for itself.
      if (cursorSeen && !this.#cursorWithin(height)) this.#list.scrollTo(this.#rows!.row[this.#cursor]!, 'center');
    }).observe(this.element);
  }

  get cursor(): number {
    return this.#cursor;
  }

  get rows(): Rows | undefined {
    return this.#rows;
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  /** The selected tokens, the cursor's own where there are none. */
  get selection(): [from: number, to: number] {
    return this.#anchor === -1 ? [this.#cursor, this.#cursor + 1] : [Math.min(this.#anchor, this.#cursor), Math.max(this.#anchor, this.#cursor) + 1];
  }

  /** A timeline that has grown keeps the place; another begins at its cursor. */
  show(timeline: Timeline, blocks: Block[], colouring: Colouring, cursor: number): void {
    const grown = this.#timeline?.rollout === timeline.rollout;
    const following = grown && this.#list.atEnd;
    const first = grown ? this.#tokenAtTop() : -1;
    this.#timeline = timeline;
    this.#blocks = blocks;
    this.#colouring = colouring;
    this.#anchor = -1;
    this.#found = undefined;
    this.#cursor = Math.max(0, Math.min(cursor, timeline.count - 1));
    this.#layOut(following ? timeline.count - 1 : first);
    if (!grown) this.moveTo(this.#cursor, { where: 'center', quiet: true });
  }

  recolour(colouring: Colouring): void {
    this.#colouring = colouring;
    this.#list.redraw();
  }

  mark(found: Uint8Array | undefined): void {
    this.#found = found;
    this.#list.redraw();
  }

  scrollToRow(row: number): void {
    this.element.scrollTop = row * ROW_HEIGHT - this.element.clientHeight / 2;
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  moveTo(token: number, { where = 'nearest', select = false, quiet = false }: { where?: 'nearest' | 'center'; select?: boolean; quiet?: boolean } = {}): void {
    const rows = this.#rows;
    if (rows === undefined || this.#timeline === undefined || this.#timeline.count === 0) return;
    const before = this.selection;
    if (!select) this.#anchor = -1;
    else if (this.#anchor === -1) this.#anchor = this.#cursor;
    this.#cursor = Math.max(0, Math.min(token, this.#timeline.count - 1));
    const row = rows.row[this.#cursor]!;
    const after = this.selection;
    for (let changed = rows.row[Math.min(before[0], after[0])]!; changed <= lastRowOf(rows, Math.max(before[1], after[1]) - 1); changed++) {
      if (this.#list.element(changed) !== undefined) this.#list.replace(changed);
    }
    this.#list.scrollTo(row, where);
    // A head comes into sight with the first row under it.
    if (where === 'nearest' && rows.kind[row - 1] === ROW.head && this.#list.first === row) this.#list.scrollTo(row - 1);
    if (!quiet) this.#events.moved(this.#cursor);
  }

  #cursorWithin(height: number): boolean {
    const row = this.#rows?.row[this.#cursor];
    if (row === undefined) return false;
    const top = row * ROW_HEIGHT - this.element.scrollTop;
    return top >= 0 && top + ROW_HEIGHT <= height;
  }

  #columns(): number {
    this.#cell ||= measureCell(this.element);
    return Math.max(FEWEST, Math.min(MOST, Math.floor((this.element.clientWidth - GUTTER - 16) / this.#cell)));
  }

  #layOut(anchor = this.#tokenAtTop()): void {
    if (this.#timeline === undefined || this.element.clientWidth === 0) return;
    const below = this.#rows === undefined || anchor < 0 || anchor >= this.#rows.row.length ? 0 : this.#rows.row[anchor]! * ROW_HEIGHT - this.element.scrollTop;
    this.#rows = layOut(this.#timeline, this.#blocks, this.#columns());
    this.#list.reset(this.#rows.count);
    if (anchor === this.#timeline.count - 1) this.#list.scrollTo(this.#rows.count - 1);
    else if (anchor > 0) {
      // To the pixel: nothing moves under who reads.
      this.element.scrollTop = this.#rows.row[anchor]! * ROW_HEIGHT - below;
      this.#list.update();
    }
    this.#events.laidOut(this.#rows);
  }

  #tokenAtTop(): number {
    const rows = this.#rows;
    if (rows === undefined || this.element.scrollTop === 0) return -1;
    let row = this.#list.first;
    while (row < rows.count && rows.kind[row] !== ROW.text) row++;
    return rows.token[row] ?? -1;
  }

  #blockOf(token: number): Block {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#blocks[middle]!.from <= token) low = middle;
      else high = middle - 1;
    }
    return this.#blocks[low]!;
  }

  #draw(row: number): HTMLElement {
    const rows = this.#rows!;
    const timeline = this.#timeline!;
    const token = rows.token[row]!;
    if (rows.kind[row] === ROW.gap) return h('div', { class: 'row gap' });
    if (rows.kind[row] === ROW.head) return h('div', { class: 'row' }, headElement(this.#blocks[token]!, timeline, this.#events));
    const block = this.#blockOf(token);
    const end = endOf(rows, row, block);
    const text = h('span', { class: 'row-text' });
    const [selectedFrom, selectedTo] = this.#anchor === -1 ? [0, 0] : this.selection;
    const { of, bins } = this.#colouring!;
    const look = (one: number): string => `${bins[of[one]!]!.look}${one === this.#cursor ? ' cursor' : ''}${one >= selectedFrom && one < selectedTo ? ' selected' : ''}${this.#found?.[one] === 1 ? ' hit' : ''}`;
    let sampled = 0;
    let trained = 0;
    for (let one = token; one < end; one++) {
      const from = one === token ? rows.piece[row]! : 0;
      const goesOn = one === end - 1 && row + 1 < rows.count && rows.kind[row + 1] === ROW.text && rows.token[row + 1] === one;
      text.append(tokenElement({ timeline, cell: this.#cell, look }, one, from, goesOn ? rows.piece[row + 1]! : Infinity));
      const flags = timeline.flags[one]!;
      if ((flags & TOKEN.sampled) !== 0) sampled++;
      if ((flags & TOKEN.target) !== 0) trained++;
    }
    return h('div', { class: `row text${trained > 0 ? ' bar-trained' : sampled > 0 ? ' bar-sampled' : ''}` }, h('span', { class: 'gutter' }, token), text);
  }

  #key(event: KeyboardEvent): void {
    const { key, shiftKey: select, ctrlKey, metaKey, altKey } = event;
    const command = ctrlKey || metaKey;
    if (altKey || this.#timeline === undefined || event.target !== this.element) return;
    const target = ((): number | undefined => {
      if (key === 'a' && command) {
        this.#anchor = 0;
        return this.#timeline!.count - 1;
      }
      if (key === 'Home' && command) return 0;
      if (key === 'End' && command) return this.#timeline!.count - 1;
      if (command) return undefined;
      if (key === 'ArrowLeft') return this.#cursor - 1;
      if (key === 'ArrowRight') return this.#cursor + 1;
      if (key === 'ArrowUp') return this.#vertical(-1);
      if (key === 'ArrowDown') return this.#vertical(1);
      if (key === 'PageUp') return this.#vertical(-this.#list.page);
      if (key === 'PageDown') return this.#vertical(this.#list.page);
      if (key === 'Home') return this.#rows!.token[this.#rows!.row[this.#cursor]!];
      if (key === 'End') return endOf(this.#rows!, this.#rows!.row[this.#cursor]!, this.#blockOf(this.#cursor)) - 1;
      if (key === 'n') return this.#sampled(1);
      if (key === 'p') return this.#sampled(-1);
      if (key === '[') return this.#call(-1);
      if (key === ']') return this.#call(1);
      if (key === 'Escape' && this.#anchor !== -1) return this.#cursor;
      return undefined;
    })();
    if (target === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (key !== 'ArrowUp' && key !== 'ArrowDown' && key !== 'PageUp' && key !== 'PageDown') this.#wishedColumn = -1;
    const all = key === 'a';
    this.moveTo(target, { select: (select && key !== 'Escape') || all, where: 'n p [ ]'.split(' ').includes(key) ? 'center' : 'nearest' });
  }

  /** The token under or over this one, by its column, as in an editor. */
  #vertical(by: number): number {
    const rows = this.#rows!;
    if (this.#wishedColumn === -1) this.#wishedColumn = rows.column[this.#cursor]!;
    const step = Math.sign(by);
    let row = rows.row[this.#cursor]!;
    let last = row;
    for (let left = Math.abs(by); left > 0;) {
      row += step;
      if (row < 0 || row >= rows.count) break;
      if (rows.kind[row] !== ROW.text || rows.row[rows.token[row]!] !== row) continue;
      last = row;
      left--;
    }
    let token = rows.token[last]!;
    while (token + 1 < this.#timeline!.count && rows.row[token + 1] === last && rows.column[token + 1]! <= this.#wishedColumn) token++;
    return token;
  }

  #sampled(step: 1 | -1): number | undefined {
    const { flags, count } = this.#timeline!;
    for (let token = this.#cursor + step; token >= 0 && token < count; token += step) if ((flags[token]! & TOKEN.sampled) !== 0) return token;
    return undefined;
  }

  /** Where the answer of the next call begins. */
  #call(step: 1 | -1): number | undefined {
    const begins = this.#timeline!.segments.filter(({ kind }) => kind === 'answer').map(({ from }) => from);
    return step === 1 ? begins.find((from) => from > this.#cursor) : begins.findLast((from) => from < this.#cursor);
  }

  #tokenOf(event: PointerEvent): number | undefined {
    const under = event.target instanceof Element ? event.target : null;
    const hit = (under === this.element || this.element.hasPointerCapture(event.pointerId) ? document.elementFromPoint(event.clientX, event.clientY) : under)?.closest<HTMLElement>('.t');
    return hit?.dataset.i === undefined || !this.element.contains(hit) ? undefined : Number(hit.dataset.i);
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0 || (event.target instanceof Element && event.target.closest('button') !== null)) return;
    const token = this.#tokenOf(event);
    if (token === undefined) return;
    this.#wishedColumn = -1;
    this.moveTo(token, { select: event.shiftKey });
  }

  #drag(event: PointerEvent): void {
    if ((event.buttons & 1) === 0) return;
    const token = this.#tokenOf(event);
    if (token === undefined || token === this.#cursor) return;
    this.moveTo(token, { select: true });
  }

  /** What is copied is the text itself, without what stands for blanks and bytes. */
  #copy(event: ClipboardEvent): void {
    const text = this.selectedText();
    if (text === undefined || event.clipboardData === null) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', text);
  }

  selectedText(): string | undefined {
    if (this.#timeline === undefined || this.#timeline.count === 0) return undefined;
    const [from, to] = this.selection;
    const { text, start } = this.#timeline;
    return text.slice(start[from], start[to]);
  }
}

function measureCell(element: HTMLElement): number {
  const probe = h('span', { class: 'probe' }, 'x'.repeat(100));
  element.append(probe);
  const { width } = probe.getBoundingClientRect();
  probe.remove();
  return width / 100 || 8;
}
