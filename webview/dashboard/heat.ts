/** How rewards are spread at each step: one column a step, one row a range of rewards. */
import type { RewardHeat } from '../../runtime/protocol/dashboard.ts';
import { h } from '../shared/dom.ts';
import { decimal, percent } from '../shared/format.ts';
import { RIGHT, type Board } from './board.ts';
import { listen, onKey, stepAt } from './gestures.ts';
import { Plane } from './plane.ts';
import { placeOf, ticks } from './plot.ts';
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
  readonly #plane: Plane;
  readonly #told = h('span', { class: 'value number' });
  readonly #unseen = h('div', { class: 'unseen' });
  readonly #chosen: (cell: Cell) => void;
  #heat: RewardHeat | undefined;
  #bin: number | null = null;

  constructor(board: Board, chosen: (cell: Cell) => void) {
    this.#board = board;
    this.#chosen = chosen;
    const plot = h('div', { class: 'plot tall', role: 'slider', tabindex: 0, 'aria-label': t('heat'), 'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0 });
    this.#plane = new Plane(board, plot, () => this.paint());
    this.element = h('section', { class: 'chart wide', 'data-figure': 'heat' }, h('header', {}, h('h3', { title: t('heatHint') }, t('heat')), this.#told, this.#legend()), plot, this.#unseen);
    listen(plot, board, { drawn: () => {}, clicked: (step, y) => this.#choose(step, this.#binAt(y)) }, this);
    plot.addEventListener('pointermove', (event) => {
      this.#bin = this.#binAt(event.clientY - plot.getBoundingClientRect().top);
      this.point();
    });
    plot.addEventListener('pointerleave', () => {
      this.#bin = null;
      this.point();
    });
    plot.addEventListener('keydown', (event) => this.#key(event));
  }

  show(heat: RewardHeat | undefined): void {
    this.#heat = heat;
    this.#list();
    this.paint();
  }

  paint(): void {
    const plane = this.#plane;
    const c = plane.lines();
    if (c === undefined) return;
    const { paint, range } = this.#board;
    const heat = this.#heat;
    if (heat === undefined || heat.step.length === 0) return plane.tell(c, t('noRewards'));
    plane.scale = [heat.low, heat.high];
    plane.scales(c, ticks(heat.low, heat.high, 4), (reward) => decimal(reward, 2), false);
    c.save();
    plane.clip(c);
    const { step, span, bins, counts } = heat;
    for (let column = Math.max(0, placeOf(step, range.from - span)); column < step.length && step[column]! <= range.to + 1; column++) {
      const all = sumOf(heat, column);
      for (let bin = 0; bin < bins; bin++) {
        const share = counts[column * bins + bin]! / all;
        if (!(share > 0)) continue;
        const { left, top, width, height } = this.#box(heat, column, bin);
        if (paint.contrast) {
          // As large as there are many: no shade is needed.
          const size = Math.sqrt(share);
          const [wide, high] = [Math.max(1, width * Math.min(1, size + 0.1)), Math.max(1, height * size)];
          c.fillStyle = paint.text;
          c.fillRect(left + (width - wide) / 2, top + (height - high) / 2, wide, high);
        } else {
          c.fillStyle = paint.ramp[BOUNDS.findLastIndex((bound) => share > bound)]!;
          c.fillRect(left, top, Math.max(1, width) + 0.4, height - (height > 6 ? 1 : 0));
        }
      }
    }
    c.restore();
    this.point();
  }

  point(): void {
    this.#told.textContent = '';
    const c = this.#plane.over();
    const { crosshair, paint } = this.#board;
    const heat = this.#heat;
    if (c === undefined || crosshair === null || heat === undefined) return;
    const column = this.#columnAt(crosshair);
    if (column < 0) return;
    const { left, top, width, height } = this.#box(heat, column, this.#bin ?? 0);
    c.lineWidth = 1;
    if (this.#bin === null) {
      c.strokeStyle = paint.dim;
      c.strokeRect(Math.round(left) - 0.5, 0.5, Math.max(2, Math.round(width)), this.#plane.bottom);
      return;
    }
    c.strokeStyle = paint.text;
    c.strokeRect(Math.round(left) - 0.5, Math.round(top) - 0.5, Math.max(3, Math.round(width)), Math.max(3, Math.round(height)));
    const told = this.#tell(heat, column, this.#bin);
    this.#told.textContent = told;
    const plot = this.#plane.element;
    plot.setAttribute('aria-valuemax', String(heat.step.at(-1) ?? 0));
    plot.setAttribute('aria-valuenow', String(heat.step[column]!));
    plot.setAttribute('aria-valuetext', told);
  }

  #box({ step, span, bins, low, high }: RewardHeat, column: number, bin: number): { left: number; top: number; width: number; height: number } {
    const [left, right] = [this.#plane.x(step[column]! - 0.5), this.#plane.x(step[column]! + span - 0.5)];
    const tall = (high - low) / bins;
    const [top, bottom] = [this.#plane.y(low + (bin + 1) * tall), this.#plane.y(low + bin * tall)];
    return { left, top, width: right - left, height: bottom - top };
  }

  #binAt(y: number): number | null {
    if (this.#heat === undefined) return null;
    const { bins, low, high } = this.#heat;
    const [top, bottom] = [this.#plane.y(high), this.#plane.y(low)];
    return Math.max(0, Math.min(bins - 1, Math.floor((bottom - y) / (bottom - top) * bins)));
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
      if (this.#board.crosshair === null) this.#board.point(stepAt(this.#board, this.#plane.width - RIGHT, this.#plane.width), this);
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
