/** The charts in their groups: which are in sight, what those need, painted and pointed at together in one frame. */
import type { StepFigure } from '../../runtime/protocol/dashboard.ts';
import { h } from '../shared/dom.ts';
import type { Board, Line } from './board.ts';
import { Chart } from './chart.ts';
import { FIGURES, GROUPS } from './figures.ts';
import { Heat, type Cell } from './heat.ts';
import { t } from './texts.ts';

export interface ChartGridOptions {
  /** What scrolls. */
  scroller: HTMLElement;
  /** Stands beside the rewards by step. */
  beside: HTMLElement;
  chosen(cell: Cell): void;
  tableToggled(): void;
  /** Other charts are in sight. */
  seen(): void;
  painted(): void;
}

/** Just outside is as good as in sight. */
const MARGIN = '200px';

export class ChartGrid {
  readonly element: HTMLElement;
  readonly heat: Heat;
  readonly #charts: Chart[];
  readonly #painted: () => void;
  pointed: object | undefined;
  #active = 0;
  #frame = 0;
  #pointFrame = 0;

  constructor(board: Board, { scroller, beside, chosen, tableToggled, seen, painted }: ChartGridOptions) {
    this.#painted = painted;
    this.#charts = FIGURES.map((figure) => new Chart(figure, board, tableToggled));
    this.heat = new Heat(board, chosen);
    this.element = h('div', { class: 'grid' }, ...GROUPS.flatMap((group) => [
      h('h2', {}, t(`group_${group}`)), ...this.#charts.filter(({ figure }) => figure.group === group).map(({ element }) => element), ...(group === 'learning' ? [this.heat.element, beside] : []),
    ]), h('h2', {}, t('group_more')));
    const sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.#charts.find(({ element }) => element === target)!.visible = isIntersecting;
      seen();
    }, { root: scroller, rootMargin: MARGIN });
    for (const chart of this.#charts) sight.observe(chart.element);
    this.#rove(board);
  }

  /** Of what is drawn; a chart that is not shown may be missing for want of its figures. */
  get needed(): Set<StepFigure> {
    return new Set(this.#drawn.flatMap(({ figure }) => figure.needs));
  }

  /** Keys of the figures whose values are shown as a table. */
  get tables(): string[] {
    return this.#charts.filter(({ tableShown }) => tableShown).map(({ figure }) => figure.key);
  }

  showTables(keys: readonly string[]): void {
    for (const chart of this.#charts) if (keys.includes(chart.figure.key) && !chart.tableShown) chart.toggleTable(() => {});
  }

  get #drawn(): Chart[] {
    return this.#charts.filter(({ visible, element }) => visible || element.hidden);
  }

  /** Whether all that charts in sight need of it is there. */
  isWhole({ series }: Line): boolean {
    return this.#charts.every(({ visible, figure }) => !visible || series.has(figure.needs));
  }

  paintSoon(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      for (const chart of this.#drawn) chart.paint();
      this.heat.paint();
      this.#painted();
    });
  }

  /** The crosshair has moved; `source` is what is pointed at. */
  pointFrom(source: object | undefined): void {
    this.pointed = source;
    if (this.#pointFrame !== 0) return;
    this.#pointFrame = requestAnimationFrame(() => {
      this.#pointFrame = 0;
      for (const chart of this.#charts) {
        chart.point();
        chart.tip(chart === this.pointed);
      }
      this.heat.point();
    });
  }

  /** One stop of the Tab key; up and down go through the charts. */
  #rove(board: Board): void {
    const places = this.#charts.map(({ focusable }) => focusable);
    places[0]!.tabIndex = 0;
    places.forEach((place, i) => {
      place.addEventListener('focus', () => {
        places[this.#active]!.tabIndex = -1;
        this.#active = i;
        place.tabIndex = 0;
        board.point(board.crosshair, this.#charts[i]);
      });
      place.addEventListener('keydown', (event) => {
        const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
        if (step === 0) return;
        event.preventDefault();
        places[Math.max(0, Math.min(places.length - 1, i + step))]!.focus();
      });
    });
  }
}
