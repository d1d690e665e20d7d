/** How rewards are spread at each step: one column a step, one row a range of rewards. */
import type { RewardHeat } from '../../runtime/protocol/dashboard.ts';
import { h } from '../shared/dom.ts';
import { decimal, percent } from '../shared/format.ts';
import { ABOVE, BELOW, GUTTER, RIGHT, type Board } from './board.ts';
import { Sheet } from './canvas.ts';
import { listen, onKey, stepAt } from './gestures.ts';
import { placeOf, ticks, wholeTicks } from './plot.ts';
import { valueTable } from './table.ts';
import { t } from './texts.ts';

/** Shares of a step's rollouts from which on a cell has the next colour. */
const BOUNDS = [0, 0.02, 0.08, 0.2, 0.4, 0.7];

export interface Cell {
  from: number;
  to: number;
  low: number;
  high: number;
}

export class Heat {
  readonly element: HTMLElement;
  readonly #board: Board;
  readonly #plot: HTMLElement;
  readonly #sheet = new Sheet('lines');
  readonly #over = new Sheet('over');
  readonly #told = h('span', { class: 'value number' });
  readonly #unseen = h('div', { class: 'unseen' });
  readonly #chosen: (cell: Cell) => void;
  #heat: RewardHeat | undefined;
  #bin: number | null = null;
  #width = 0;
  #height = 0;

  constructor(board: Board, chosen: (cell: Cell) => void) {
    this.#board = board;
    this.#chosen = chosen;
    this.#plot = h('div', { class: 'plot tall', role: 'slider', tabindex: 0, 'aria-label': t('heat'), 'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0 }, this.#sheet.element, this.#over.element);
    this.element = h('section', { class: 'chart wide', 'data-figure': 'heat' }, h('header', {}, h('h3', { title: t('heatHint') }, t('heat')), this.#told, this.#legend()), this.#plot, this.#unseen);
    listen(this.#plot, board, { drawn: () => {}, clicked: (step, y) => this.#choose(step, this.#binAt(y)) }, this);
    this.#plot.addEventListener('pointermove', (event) => {
      this.#bin = this.#binAt(event.clientY - this.#plot.getBoundingClientRect().top);
      this.point();
    });
    this.#plot.addEventListener('pointerleave', () => {
      this.#bin = null;
      this.point();
    });
    this.#plot.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(([entry]) => {
      [this.#width, this.#height] = [Math.round(entry!.contentRect.width), Math.round(entry!.contentRect.height)];
      this.paint();
    }).observe(this.#plot);
  }

  show(heat: RewardHeat | undefined): void {
    this.#heat = heat;
    this.#list();
    this.paint();
  }

  paint(): void {
    if (this.#width === 0 || !this.#sheet.begin(this.#width, this.#height)) return;
    const { context: c } = this.#sheet;
    const { paint, range } = this.#board;
    const heat = this.#heat;
    c.font = paint.font;
    if (heat === undefined || heat.step.length === 0) {
      c.fillStyle = paint.dim;
      c.textAlign = 'center';
      c.fillText(t('noRewards'), this.#width / 2, this.#height / 2);
      return;
    }
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    c.fillStyle = paint.dim;
    for (const tick of ticks(heat.low, heat.high, 4)) c.fillText(decimal(tick, 2), GUTTER - 6, this.#y(tick));
    c.textBaseline = 'alphabetic';
    c.textAlign = 'center';
    for (const tick of wholeTicks(range.from, range.to, Math.max(2, Math.floor(this.#inner / 90)))) c.fillText(String(tick), Math.max(GUTTER + 8, Math.min(this.#width - 12, this.#x(tick))), this.#height - 4);
    c.save();
    c.beginPath();
    c.rect(GUTTER, 0, this.#inner, this.#height - BELOW + 1);
    c.clip();
    const { step, span, bins, counts } = heat;
    const tall = (this.#height - ABOVE - BELOW) / bins;
    for (let column = Math.max(0, placeOf(step, range.from - span)); column < step.length && step[column]! <= range.to + 1; column++) {
      const [left, right] = [this.#x(step[column]! - 0.5), this.#x(step[column]! + span - 0.5)];
      const all = sumOf(heat, column);
      if (all === 0) continue;
      for (let bin = 0; bin < bins; bin++) {
        const share = counts[column * bins + bin]! / all;
        if (share === 0) continue;
        const top = ABOVE + (bins - 1 - bin) * tall;
        if (paint.contrast) {
          // As large as there are many: no shade is needed.
          const size = Math.sqrt(share);
          const [wide, high] = [Math.max(1, (right - left) * Math.min(1, size + 0.1)), Math.max(1, tall * size)];
          c.fillStyle = paint.text;
          c.fillRect((left + right - wide) / 2, top + (tall - high) / 2, wide, high);
        } else {
          c.fillStyle = paint.ramp[BOUNDS.findLastIndex((bound) => share > bound)]!;
          c.fillRect(left, top, Math.max(1, right - left) + 0.4, tall - (tall > 6 ? 1 : 0));
        }
      }
    }
    c.restore();
    this.point();
  }

  point(): void {
    if (this.#width === 0 || !this.#over.begin(this.#width, this.#height)) return;
    const { context: c } = this.#over;
    const { crosshair, paint } = this.#board;
    const heat = this.#heat;
    this.#told.textContent = '';
    if (crosshair === null || heat === undefined) return;
    const column = this.#columnAt(crosshair);
    if (column < 0) return;
    const [left, right] = [this.#x(heat.step[column]! - 0.5), this.#x(heat.step[column]! + heat.span - 0.5)];
    c.strokeStyle = paint.text;
    c.lineWidth = 1;
    if (this.#bin === null) {
      c.strokeStyle = paint.dim;
      c.strokeRect(Math.round(left) - 0.5, 0.5, Math.max(2, Math.round(right - left)), this.#height - BELOW);
      return;
    }
    const tall = (this.#height - ABOVE - BELOW) / heat.bins;
    c.strokeRect(Math.round(left) - 0.5, Math.round(ABOVE + (heat.bins - 1 - this.#bin) * tall) - 0.5, Math.max(3, Math.round(right - left)), Math.max(3, Math.round(tall)));
    this.#told.textContent = this.#tell(heat, column, this.#bin);
    this.#plot.setAttribute('aria-valuemax', String(heat.step.at(-1) ?? 0));
    this.#plot.setAttribute('aria-valuenow', String(heat.step[column]!));
    this.#plot.setAttribute('aria-valuetext', this.#told.textContent);
  }

  get #inner(): number {
    return this.#width - GUTTER - RIGHT;
  }

  #x(step: number): number {
    const { from, to } = this.#board.range;
    return GUTTER + (step - from) / Math.max(1e-9, to - from) * this.#inner;
  }

  #y(reward: number): number {
    const { low, high } = this.#heat!;
    return ABOVE + (high - reward) / (high - low) * (this.#height - ABOVE - BELOW);
  }

  #binAt(y: number): number | null {
    if (this.#heat === undefined) return null;
    const { bins } = this.#heat;
    return Math.max(0, Math.min(bins - 1, bins - 1 - Math.floor((y - ABOVE) / (this.#height - ABOVE - BELOW) * bins)));
  }

  #columnAt(step: number): number {
    const heat = this.#heat!;
    const column = placeOf(heat.step, step + 1) - 1;
    return column >= 0 && step < heat.step[column]! + heat.span ? column : -1;
  }

  #cell(heat: RewardHeat, column: number, bin: number): Cell {
    const width = (heat.high - heat.low) / heat.bins;
    const from = heat.step[column]!;
    return { from, to: from + heat.span - 1, low: heat.low + bin * width, high: heat.low + (bin + 1) * width };
  }

  #tell(heat: RewardHeat, column: number, bin: number): string {
    const { from, to, low, high } = this.#cell(heat, column, bin);
    const some = [decimal(low, 3), decimal(high, 3), heat.counts[column * heat.bins + bin]!, sumOf(heat, column)];
    return from === to ? t('heatCellOne', from, ...some) : t('heatCell', from, to, ...some);
  }

  #choose(step: number, bin: number | null): void {
    if (this.#heat === undefined) return;
    const column = this.#columnAt(step);
    if (column >= 0 && bin !== null) this.#chosen(this.#cell(this.#heat, column, bin));
  }

  #key(event: KeyboardEvent): void {
    const heat = this.#heat;
    if (heat === undefined) return;
    if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      event.preventDefault();
      event.stopPropagation();
      this.#bin = Math.max(0, Math.min(heat.bins - 1, (this.#bin ?? (event.key === 'ArrowUp' ? -1 : heat.bins)) + (event.key === 'ArrowUp' ? 1 : -1)));
      if (this.#board.crosshair === null) this.#board.point(stepAt(this.#board, this.#width - RIGHT, this.#width), this);
      this.point();
    } else if (event.key === 'Enter' && this.#board.crosshair !== null && this.#bin !== null) {
      event.preventDefault();
      this.#choose(this.#board.crosshair, this.#bin);
    } else onKey(this.#board, event, this);
  }

  #legend(): HTMLElement {
    return h('span', { class: 'ramp', 'aria-hidden': 'true' }, '0', ...BOUNDS.map((_, i) => h('i', { class: `heat-${i}` })), percent(1));
  }

  /** For a screen reader: the steps, and how many fell in which fifth. */
  #list(): void {
    const heat = this.#heat;
    if (heat === undefined || heat.step.length === 0) return this.#unseen.replaceChildren();
    const fifths = 5;
    const columns = Array.from({ length: fifths }, (_, i) => `${decimal(heat.low + (heat.high - heat.low) * i / fifths, 2)}–${decimal(heat.low + (heat.high - heat.low) * (i + 1) / fifths, 2)}`);
    const stride = Math.max(1, Math.ceil(heat.step.length / 100));
    const rows = Array.from({ length: Math.ceil(heat.step.length / stride) }, (_, i) => i * stride).map((column) => ({
      step: heat.step[column]!, name: '',
      cells: columns.map((_, fifth) => String(heat.counts.subarray(column * heat.bins + Math.floor(fifth * heat.bins / fifths), column * heat.bins + Math.floor((fifth + 1) * heat.bins / fifths)).reduce((sum, each) => sum + each, 0))),
    }));
    this.#unseen.replaceChildren(valueTable(t('heat'), columns, rows, heat.step.length, false));
  }
}

function sumOf({ counts, bins }: RewardHeat, column: number): number {
  let sum = 0;
  for (let bin = 0; bin < bins; bin++) sum += counts[column * bins + bin]!;
  return sum;
}
