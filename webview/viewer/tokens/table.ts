/** The same tokens as a table: what a screen reader walks through, and what one reads numbers in. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { decimal, percent } from '../../shared/format.ts';
import { h } from '../../shared/dom.ts';
import { VirtualRows } from '../../shared/virtual-rows.ts';
import { reasonText, roleText, t } from '../texts.ts';
import { piecesOf } from './cells.ts';

const ROW_HEIGHT = 22;
const HEAD_HEIGHT = 28;

export class TokenTable {
  readonly element: HTMLElement;
  readonly #body = h('div', { role: 'rowgroup' });
  readonly #list: VirtualRows;
  readonly #moved: (token: number) => void;
  #timeline: Timeline | undefined;
  #cursor = 0;

  constructor(moved: (token: number) => void) {
    this.#moved = moved;
    const heads = [t('index'), t('id'), t('text'), t('probability'), t('rank'), t('entropy'), t('target'), t('role'), t('call_')];
    this.element = h('div', { class: 'token-table', role: 'grid', tabindex: '0', 'aria-label': t('tokenTable'), onkeydown: (event: KeyboardEvent) => this.#key(event) },
      h('div', { class: 'table-top', role: 'rowgroup' }, h('div', { class: 'table-head', role: 'row' }, ...heads.map((head) => h('span', { role: 'columnheader' }, head)))), this.#body);
    this.#list = new VirtualRows({ scroller: this.element, layer: this.#body, top: HEAD_HEIGHT, rowHeight: ROW_HEIGHT, draw: (token) => this.#draw(token) });
  }

  show(timeline: Timeline, cursor: number): void {
    this.#timeline = timeline;
    this.#cursor = cursor;
    this.element.setAttribute('aria-rowcount', String(timeline.count + 1));
    this.#list.reset(timeline.count);
    this.#go(cursor, false);
  }

  focus(): void {
    this.element.focus();
  }

  #draw(token: number): HTMLElement {
    const timeline = this.#timeline!;
    const segment = timeline.segments[timeline.segment[token]!]!;
    const sampled = (timeline.flags[token]! & TOKEN.sampled) !== 0;
    const logprob = timeline.logprob[token]!;
    const cells = [
      String(token), String(timeline.id[token]), piecesOf(timeline, token).map(({ text }) => text).join(''),
      Number.isNaN(logprob) ? '' : percent(Math.exp(logprob)), timeline.rank[token] === 0 ? '' : String(timeline.rank[token]),
      Number.isNaN(timeline.entropy[token]!) ? '' : decimal(timeline.entropy[token]!), !sampled ? '' : segment.why === null ? t('yes') : reasonText(segment.why),
      roleText(segment.role), String(segment.call),
    ];
    return h('div', { class: `table-row${token === this.#cursor ? ' current' : ''}`, role: 'row', id: `token-${token}`, 'aria-rowindex': token + 2, 'aria-selected': token === this.#cursor ? 'true' : 'false', onclick: () => this.#go(token, true) },
      ...cells.map((cell) => h('span', { role: 'gridcell' }, cell)));
  }

  #go(token: number, tell: boolean): void {
    const before = this.#cursor;
    this.#cursor = Math.max(0, Math.min(token, (this.#timeline?.count ?? 1) - 1));
    this.#list.scrollTo(this.#cursor, tell ? 'nearest' : 'center');
    this.#list.replace(before);
    this.#list.replace(this.#cursor);
    this.element.setAttribute('aria-activedescendant', `token-${this.#cursor}`);
    if (tell) this.#moved(this.#cursor);
  }

  #key(event: KeyboardEvent): void {
    const count = this.#timeline?.count ?? 0;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: this.#list.page, PageUp: -this.#list.page, Home: -count, End: count };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#go(this.#cursor + step, true);
  }
}
