/** A list of rows of one height of which only those in sight are elements. */
export interface VirtualRowsOptions {
  /** Scrolls, by keys too where it has the focus. */
  scroller: HTMLElement;
  /** Inside it, where rows are placed; absent: one of its own. */
  layer?: HTMLElement;
  rowHeight: number;
  /** Space above the first row, for a head that stays. */
  top?: number;
  draw(index: number): HTMLElement;
  /** After rows came or went: the first in sight, and how many are, in parts of a row. */
  drawn?(first: number, rows: number): void;
}

const OVERSCAN = 6;

export class VirtualRows {
  readonly layer: HTMLElement;
  readonly #options: VirtualRowsOptions;
  readonly #rows = new Map<number, HTMLElement>();
  #count = 0;
  #height = 0;
  #frame = 0;

  constructor(options: VirtualRowsOptions) {
    this.#options = options;
    this.layer = options.layer ?? options.scroller.appendChild(document.createElement('div'));
    this.layer.classList.add('rows');
    options.scroller.addEventListener('scroll', () => this.#later(), { passive: true });
    new ResizeObserver(() => {
      this.#height = options.scroller.clientHeight;
      this.update();
    }).observe(options.scroller);
  }

  get count(): number {
    return this.#count;
  }

  get rowHeight(): number {
    return this.#options.rowHeight;
  }

  /** Rows that are whole in sight. */
  get page(): number {
    return Math.max(1, Math.floor((this.#view() - (this.#options.top ?? 0)) / this.rowHeight) - 1);
  }

  get first(): number {
    return Math.max(0, Math.floor(this.#options.scroller.scrollTop / this.rowHeight));
  }

  get atEnd(): boolean {
    const { scroller } = this.#options;
    return scroller.scrollTop + this.#view() >= scroller.scrollHeight - this.rowHeight;
  }

  /** The rows as they are now: all are drawn anew. */
  reset(count: number): void {
    this.#count = count;
    this.layer.style.height = `${count * this.rowHeight}px`;
    this.redraw();
  }

  redraw(): void {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.update();
  }

  element(index: number): HTMLElement | undefined {
    return this.#rows.get(index);
  }

  /** Of those that are there. */
  replace(index: number): void {
    const row = this.#rows.get(index);
    if (row === undefined) return;
    const next = this.#place(index);
    row.replaceWith(next);
    this.#rows.set(index, next);
  }

  get drawnRows(): Iterable<[number, HTMLElement]> {
    return this.#rows;
  }

  scrollTo(index: number, where: 'nearest' | 'center' | 'start' = 'nearest'): void {
    const { scroller, top = 0 } = this.#options;
    const view = this.#view() - top;
    const at = index * this.rowHeight;
    const { scrollTop } = scroller;
    const visible = at >= scrollTop && at + this.rowHeight <= scrollTop + view;
    if (where === 'nearest' && !visible) scroller.scrollTop = at < scrollTop ? at : at + this.rowHeight - view;
    else if (where === 'center' && !(visible && at < scrollTop + view * 0.8 && at > scrollTop + view * 0.2)) scroller.scrollTop = at - view / 3;
    else if (where === 'start') scroller.scrollTop = at;
    this.update();
  }

  update(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const view = this.#view();
    if (view === 0) return;
    // Read before anything is changed: the browser need not lay out in between.
    const at = this.#options.scroller.scrollTop / this.rowHeight;
    const from = Math.max(0, Math.floor(at) - OVERSCAN);
    const to = Math.min(this.#count, Math.ceil(at + view / this.rowHeight) + OVERSCAN);
    for (const [index, row] of this.#rows) {
      if (index >= from && index < to) continue;
      row.remove();
      this.#rows.delete(index);
    }
    const added = document.createDocumentFragment();
    for (let index = from; index < to; index++) {
      if (this.#rows.has(index)) continue;
      const row = this.#place(index);
      this.#rows.set(index, row);
      added.append(row);
    }
    this.layer.append(added);
    this.#options.drawn?.(at, view / this.rowHeight);
  }

  #view(): number {
    return (this.#height ||= this.#options.scroller.clientHeight);
  }

  #place(index: number): HTMLElement {
    const row = this.#options.draw(index);
    row.style.transform = `translateY(${index * this.rowHeight}px)`;
    return row;
  }

  #later(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.update());
  }
}
