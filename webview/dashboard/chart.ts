/** One chart: a figure of all trainings that are shown, by step. */
import type { EvaluationRow } from '../../runtime/protocol/training.ts';
import { NONE } from '../shared/format.ts';
import { h, icon } from '../shared/dom.ts';
import { GUTTER, RIGHT, type Board } from './board.ts';
import { drawCurves } from './curves.ts';
import type { Figure } from './figures.ts';
import { listen, onKey } from './gestures.ts';
import { Plane } from './plane.ts';
import { placesIn, scaleTicks } from './plot.ts';
import { valueTable, type ValueRow } from './table.ts';
import { t } from './texts.ts';
import { Values } from './values.ts';

export class Chart {
  readonly element: HTMLElement;
  readonly figure: Figure;
  readonly #board: Board;
  readonly #values: Values;
  readonly #plane: Plane;
  readonly #value = h('span', { class: 'value number' });
  readonly #tip = h('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  readonly #table: HTMLElement;
  readonly #tableButton: HTMLButtonElement;
  #drag: [number, number] = [0, 0];
  /** Of what the lines are drawn. */
  #shown: unknown[] = [];
  visible = false;

  constructor(figure: Figure, board: Board, tableToggled: () => void) {
    this.figure = figure;
    this.#board = board;
    this.#values = new Values(figure, board);
    const title = t(figure.title);
    const plot = h('div', { class: 'plot', role: 'slider', tabindex: -1, 'aria-label': t('chartLabel', title), 'aria-orientation': 'horizontal', 'aria-valuenow': 0 }, this.#tip);
    this.#plane = new Plane(board, plot, () => this.visible && this.paint());
    this.#table = h('div', { class: 'values scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': title });
    this.#tableButton = h('button', { class: 'tool quiet', title: t('table', title), 'aria-label': t('table', title), 'aria-pressed': 'false', onclick: () => this.toggleTable(tableToggled) }, icon('table'));
    this.element = h('section', { class: 'chart', 'data-figure': figure.key },
      h('header', {}, h('h3', { title: t(figure.hint) }, title), this.#tableButton, this.#value), plot, this.#table);
    listen(plot, board, {
      drawn: (from, to) => {
        this.#drag = [from, to];
        this.point();
      },
      clicked: (step) => board.choose(step),
    }, this);
    plot.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() === 't' && !event.ctrlKey && !event.metaKey) this.toggleTable(tableToggled);
      else onKey(board, event, this);
    });
  }

  get focusable(): HTMLElement {
    return this.#plane.element;
  }

  get tableShown(): boolean {
    return !this.#table.hidden;
  }

  toggleTable(toggled: () => void): void {
    this.#table.hidden = !this.#table.hidden;
    this.#tableButton.setAttribute('aria-pressed', String(!this.#table.hidden));
    this.#fillTable();
    toggled();
  }

  /** All of it anew. */
  paint(): void {
    // A figure that these trainings don't measure leaves its place to the others.
    this.element.hidden = this.#values.missing;
    const { lines, range, paint, main } = this.#board;
    const { kind } = this.figure;
    const [plane, values] = [this.#plane, this.#values];
    const shown = [plane.width, plane.height, devicePixelRatio, range.from, range.to, paint, main?.dir, ...lines.flatMap((line) => [line.ink, kind === 'validation' ? line.evaluations.length : values.of(line)])];
    if (shown.length === this.#shown.length && shown.every((one, i) => one === this.#shown[i])) return this.point();
    const c = plane.lines();
    if (c === undefined) return;
    this.#shown = shown;
    plane.scale = values.scale();
    plane.scales(c, scaleTicks(...plane.scale, plane.height > 150 ? 5 : 3), (value) => shortNumber(this.figure.text(value)), true);
    drawCurves(kind, { c, plane, board: this.#board, values });
    if (values.empty) plane.tell(c, t('nothingYet'));
    this.#fillTable();
    this.point();
  }

  /** The crosshair, and what is told of it. */
  point(): void {
    this.#tell();
    const c = this.visible ? this.#plane.over() : undefined;
    if (c === undefined) return;
    this.#drawDrag(c);
    const { crosshair, lines, paint } = this.#board;
    const x = crosshair === null ? NaN : Math.round(this.#plane.x(crosshair)) + 0.5;
    if (!(x >= GUTTER && x <= this.#plane.width - RIGHT + 1)) return void (this.#tip.hidden = true);
    c.strokeStyle = paint.dim;
    c.lineWidth = 1;
    c.setLineDash([2, 2]);
    c.beginPath();
    c.moveTo(x, 0);
    c.lineTo(x, this.#plane.bottom);
    c.stroke();
    c.setLineDash([]);
    if (this.figure.kind === 'stack') return;
    c.strokeStyle = paint.background;
    c.lineWidth = 1.5;
    for (const line of lines) {
      c.fillStyle = line.ink.colour;
      for (const { drawn } of this.#values.at(line, crosshair)) {
        if (Number.isNaN(drawn)) continue;
        c.beginPath();
        c.arc(x, this.#plane.y(drawn), 3.5, 0, Math.PI * 2);
        c.fill();
        c.stroke();
      }
    }
  }

  /** What stands beside the pointer: each training's value. Only in the chart that is pointed at. */
  tip(shown: boolean): void {
    const { crosshair, lines, main } = this.#board;
    if (!shown || crosshair === null || main === undefined || this.#plane.width === 0) return void (this.#tip.hidden = true);
    const of = this.figure.kind === 'stack' ? [main] : lines;
    const rows = of.flatMap((line) => this.#values.at(line, crosshair).filter(({ value }) => !Number.isNaN(value)).map((one) => ({ ...one, line })));
    this.#tip.replaceChildren(h('p', { class: 'dim' }, t('stepNow', crosshair)), ...rows.map(({ line, part, value, raw }) => h('p', {},
      ...(lines.length > 1 ? [h('span', { class: `swatch ink-${this.#board.lines.indexOf(line) % 7}` }), h('span', { class: 'run' }, line.name)] : []),
      part !== undefined && h('span', { class: 'dim' }, t(part)), h('b', { class: 'number' }, this.figure.text(value)),
      raw !== undefined && !Number.isNaN(raw) && h('span', { class: 'dim number' }, this.figure.text(raw)))));
    this.#tip.hidden = rows.length === 0;
    const x = this.#plane.x(crosshair);
    this.#tip.classList.toggle('left', x > this.#plane.width / 2);
    this.#tip.style.setProperty('--x', `${Math.round(x)}px`);
  }

  /** In the head of the chart, and for a screen reader. */
  #tell(): void {
    const { crosshair, main, whole } = this.#board;
    const own = main === undefined ? [] : this.#values.at(main, crosshair).map(({ part, value }) => ({ part: part === undefined ? '' : `${t(part)} `, text: Number.isNaN(value) ? NONE : this.figure.text(value) }));
    // Of parts there is room for the names alone; what each is worth stands beside the pointer.
    const named = this.figure.kind === 'stack';
    this.#value.replaceChildren(...own.flatMap(({ part, text }, i) => [...(i > 0 ? [' '] : []), ...(part === '' ? [] : [h('span', { class: `part part-${i}` }, part)]), ...(named ? [] : [text])]));
    const step = crosshair ?? main?.series.step.at(-1) ?? 0;
    const plot = this.#plane.element;
    for (const [name, value] of [['valuemin', whole.from], ['valuemax', whole.to], ['valuenow', step]] as const) plot.setAttribute(`aria-${name}`, String(Math.round(value)));
    plot.setAttribute('aria-valuetext', `${t('stepNow', step)}: ${own.map(({ part, text }) => part + text).join(', ') || t('nothingYet')}`);
  }

  #drawDrag(c: CanvasRenderingContext2D): void {
    const [from, to] = this.#drag;
    if (from === to) return;
    const { bottom } = this.#plane;
    c.fillStyle = c.strokeStyle = this.#board.paint.accent;
    c.globalAlpha = 0.16;
    c.fillRect(Math.min(from, to), 0, Math.abs(to - from), bottom);
    c.globalAlpha = 1;
    c.strokeRect(Math.min(from, to) + 0.5, 0.5, Math.abs(to - from), bottom - 1);
  }

  #fillTable(): void {
    if (this.#table.hidden) return;
    const { figure } = this;
    const { lines } = this.#board;
    const { rows, of } = figure.kind === 'validation' ? this.#evaluationRows() : this.#stepRows();
    this.#table.replaceChildren(valueTable(t(figure.title), (figure.parts ?? ['value' as const]).map((part) => t(part)), rows, of, lines.length > 1));
  }

  #evaluationRows(): { rows: ValueRow[]; of: number } {
    const rows = this.#board.lines.flatMap((line) => line.evaluations.map((row) => ({ step: row.step, name: line.name, cells: (['greedy', 'sampled'] as const).map((way) => estimateText(row[way].reward, this.figure)) })));
    return { rows, of: rows.length };
  }

  /** So many of those in the range as can be read. */
  #stepRows(): { rows: ValueRow[]; of: number } {
    const { lines, main, range } = this.#board;
    let of = 0;
    const rows = (this.figure.kind === 'stack' ? [main] : lines).flatMap((line) => {
      if (line === undefined) return [];
      const { raw } = this.#values.of(line);
      const [first, end] = placesIn(line.series.step, range);
      of += end - first;
      const stride = Math.max(1, Math.ceil((end - first) / LISTED));
      return Array.from({ length: Math.ceil((end - first) / stride) }, (_, i) => first + i * stride).map((place) => ({
        step: line.series.step[place]!, name: line.name, cells: raw.map((values) => (Number.isNaN(values[place]!) ? NONE : this.figure.text(values[place]!))),
      }));
    });
    return { rows, of };
  }
}

const LISTED = 100;

/** `50.0%` -> `50%`, `5.0e−7` -> `5e−7`: beside a scale there is little room. */
function shortNumber(text: string): string {
  return text.replace(/\.(\d*?)0+(?=%|e| |$)/, (_, digits: string) => (digits === '' ? '' : `.${digits}`));
}

function estimateText(estimate: EvaluationRow['greedy']['reward'], figure: Figure): string {
  return estimate === null ? NONE : `${figure.text(estimate.mean)} [${figure.text(estimate.low)}, ${figure.text(estimate.high)}]`;
}
