/** One chart: a figure of all trainings that are shown, by step. */
import type { EvaluationRow } from '../../runtime/protocol/training.ts';
import { NONE } from '../shared/format.ts';
import { h, icon } from '../shared/dom.ts';
import { ABOVE, BELOW, GUTTER, RIGHT, type Board, type Line } from './board.ts';
import { Sheet } from './canvas.ts';
import type { Figure } from './figures.ts';
import { listen, onKey } from './gestures.ts';
import { extent, extremes, means, nearestPlace, padded, placesIn, smoothed, ticks, wholeTicks, type Path } from './plot.ts';
import { valueTable } from './table.ts';
import { t } from './texts.ts';

interface Worked {
  /** What it was worked out from. */
  sources: Float32Array[];
  smoothing: number;
  raw: Float32Array[];
  smooth: Float32Array[];
}

export class Chart {
  readonly element: HTMLElement;
  readonly figure: Figure;
  readonly #board: Board;
  readonly #plot: HTMLElement;
  readonly #lines = new Sheet('lines');
  readonly #over = new Sheet('over');
  readonly #value = h('span', { class: 'value number' });
  readonly #tip = h('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });
  readonly #table: HTMLElement;
  readonly #tableButton: HTMLButtonElement;
  readonly #worked = new Map<string, Worked>();
  #y: [number, number] = [0, 1];
  #width = 0;
  #height = 0;
  #drag: [number, number] = [0, 0];
  /** Of what the lines are drawn. */
  #shown: unknown[] = [];
  visible = false;

  constructor(figure: Figure, board: Board, tableToggled: () => void) {
    this.figure = figure;
    this.#board = board;
    const title = t(figure.title);
    this.#plot = h('div', { class: 'plot', role: 'slider', tabindex: -1, 'aria-label': t('chartLabel', title), 'aria-orientation': 'horizontal', 'aria-valuenow': 0 }, this.#lines.element, this.#over.element, this.#tip);
    this.#table = h('div', { class: 'values scroll', hidden: true, tabindex: 0, role: 'region', 'aria-label': title });
    this.#tableButton = h('button', { class: 'tool quiet', title: t('table', title), 'aria-label': t('table', title), 'aria-pressed': 'false', onclick: () => this.toggleTable(tableToggled) }, icon('table'));
    this.element = h('section', { class: 'chart', 'data-figure': figure.key },
      h('header', {}, h('h3', { title: t(figure.hint) }, title), this.#tableButton, this.#value), this.#plot, this.#table);
    listen(this.#plot, board, {
      drawn: (from, to) => {
        this.#drag = [from, to];
        this.point();
      },
      clicked: (step) => board.choose(step),
    }, this);
    this.#plot.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() === 't' && !event.ctrlKey && !event.metaKey) this.toggleTable(tableToggled);
      else onKey(board, event, this);
    });
    new ResizeObserver(([entry]) => {
      [this.#width, this.#height] = [Math.round(entry!.contentRect.width), Math.round(entry!.contentRect.height)];
      if (this.visible) this.paint();
    }).observe(this.#plot);
  }

  get focusable(): HTMLElement {
    return this.#plot;
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
    this.element.hidden = this.#missing();
    const { lines, range, paint, main } = this.#board;
    const shown = [this.#width, this.#height, devicePixelRatio, range.from, range.to, paint, main?.dir, ...lines.flatMap((line) => [line.ink, this.figure.kind === 'validation' ? line.evaluations.length : this.#work(line)])];
    if (shown.length === this.#shown.length && shown.every((one, i) => one === this.#shown[i])) return this.point();
    if (this.#width === 0 || !this.#lines.begin(this.#width, this.#height)) return;
    this.#shown = shown;
    const { context: c } = this.#lines;
    this.#y = this.#scale();
    this.#axes();
    c.save();
    c.beginPath();
    c.rect(GUTTER - EDGE, 0, this.#width - GUTTER - RIGHT + EDGE * 2, this.#height - BELOW + 1);
    c.clip();
    c.translate(GUTTER, 0);
    c.lineJoin = 'round';
    if (this.figure.kind === 'validation') for (const line of lines) this.#validations(line);
    else if (this.figure.kind === 'stack') this.#stack();
    else {
      if (main !== undefined) this.#band(main);
      for (const line of lines) if (line !== main) this.#curve(line, lines.length > 4);
      if (main !== undefined) this.#curve(main, false);
    }
    c.restore();
    if (this.#empty()) {
      c.fillStyle = this.#board.paint.dim;
      c.fillText(t('nothingYet'), GUTTER + this.#inner / 2, this.#height / 2 - 12);
    }
    this.#fillTable();
    this.point();
  }

  /** The crosshair, and what is told of it. */
  point(): void {
    const { board, figure } = { board: this.#board, figure: this.figure };
    const { crosshair, main, lines, paint } = board;
    const step = crosshair ?? null;
    const own = main === undefined ? [] : this.valuesAt(main, step);
    this.#value.replaceChildren(...own.flatMap(({ part, value }, i) => [...(i > 0 ? [' '] : []), ...(part === undefined ? [] : [h('span', { class: `part part-${i}` }, t(part), ' ')]), Number.isNaN(value) ? NONE : figure.text(value)]));
    const { from, to } = board.whole;
    const told = step ?? (main === undefined ? 0 : main.series.step.at(-1) ?? 0);
    for (const [name, value] of [['valuemin', from], ['valuemax', to], ['valuenow', told]] as const) this.#plot.setAttribute(`aria-${name}`, String(Math.round(value)));
    const heard = own.map(({ part, value }) => `${part === undefined ? '' : `${t(part)} `}${Number.isNaN(value) ? NONE : figure.text(value)}`).join(', ');
    this.#plot.setAttribute('aria-valuetext', `${t('stepNow', told)}: ${heard === '' ? t('nothingYet') : heard}`);
    if (!this.visible || !this.#over.begin(this.#width, this.#height)) return;
    const { context: c } = this.#over;
    const [a, b] = this.#drag;
    if (a !== b) {
      c.fillStyle = paint.accent;
      c.globalAlpha = 0.16;
      c.fillRect(Math.min(a, b), 0, Math.abs(b - a), this.#height - BELOW);
      c.globalAlpha = 1;
      c.strokeStyle = paint.accent;
      c.strokeRect(Math.min(a, b) + 0.5, 0.5, Math.abs(b - a), this.#height - BELOW - 1);
    }
    if (step === null) return void (this.#tip.hidden = true);
    const x = Math.round(this.#x(step)) + 0.5;
    if (x < GUTTER || x > this.#width - RIGHT + 1) return void (this.#tip.hidden = true);
    c.strokeStyle = paint.dim;
    c.lineWidth = 1;
    c.setLineDash([2, 2]);
    c.beginPath();
    c.moveTo(x, 0);
    c.lineTo(x, this.#height - BELOW);
    c.stroke();
    c.setLineDash([]);
    if (figure.kind !== 'stack' && figure.kind !== 'validation') {
      for (const line of lines) {
        for (const { drawn } of this.valuesAt(line, step)) {
          if (Number.isNaN(drawn)) continue;
          c.fillStyle = line.ink.colour;
          c.strokeStyle = paint.background;
          c.lineWidth = 1.5;
          c.beginPath();
          c.arc(x, this.#py(drawn), 3.5, 0, Math.PI * 2);
          c.fill();
          c.stroke();
        }
      }
    }
  }

  /** What stands beside the pointer: each training's value. Only in the chart that is pointed at. */
  tip(shown: boolean): void {
    const { crosshair, lines, main } = this.#board;
    if (!shown || crosshair === null || main === undefined || this.#width === 0) return void (this.#tip.hidden = true);
    const of = this.figure.kind === 'stack' ? [main] : lines;
    const rows = of.flatMap((line) => this.valuesAt(line, crosshair).filter(({ value }) => !Number.isNaN(value)).map((one) => ({ ...one, line })));
    this.#tip.replaceChildren(h('p', { class: 'dim' }, t('stepNow', crosshair)), ...rows.map(({ line, part, value, raw }) => h('p', {},
      ...(lines.length > 1 ? [h('span', { class: `swatch ink-${this.#board.lines.indexOf(line) % 7}` }), h('span', { class: 'run' }, line.name)] : []),
      part !== undefined && h('span', { class: 'dim' }, t(part)), h('b', { class: 'number' }, this.figure.text(value)),
      raw !== undefined && !Number.isNaN(raw) && h('span', { class: 'dim number' }, this.figure.text(raw)))));
    this.#tip.hidden = rows.length === 0;
    const x = this.#x(crosshair);
    this.#tip.classList.toggle('left', x > this.#width / 2);
    this.#tip.style.setProperty('--x', `${Math.round(x)}px`);
  }

  /** At a step, or the newest ones; smoothed where the charts are, and then `raw` beside it. */
  valuesAt(line: Line, step: number | null): { part?: Figure['title']; value: number; drawn: number; raw?: number }[] {
    const { figure } = this;
    if (figure.kind === 'validation') {
      const at = step ?? Infinity;
      const row = line.evaluations.findLast((each) => each.step <= at) ?? line.evaluations[0];
      if (row === undefined) return [];
      return (['greedy', 'sampled'] as const).map((kind, i) => ({ part: figure.parts![i]!, value: row[kind].reward?.mean ?? NaN, drawn: NaN }));
    }
    const { raw, smooth } = this.#work(line);
    const place = step === null ? line.series.step.length - 1 : nearestPlace(line.series.step, step);
    if (place < 0) return [];
    const even = this.#board.smoothing > 0 && figure.kind !== 'stack';
    return raw.map((values, i) => {
      const own = values[place] ?? NaN;
      const shown = even ? smooth[i]![place] ?? NaN : own;
      return { ...(raw.length > 1 && { part: figure.parts![i]! }), value: step === null ? own : shown, drawn: shown, ...(even && step !== null && { raw: own }) };
    });
  }

  get #inner(): number {
    return this.#width - GUTTER - RIGHT;
  }

  #x(step: number): number {
    const { from, to } = this.#board.range;
    return GUTTER + (step - from) / Math.max(1e-9, to - from) * this.#inner;
  }

  #py(value: number): number {
    const [low, high] = this.#y;
    return ABOVE + (high - value) / (high - low) * (this.#height - ABOVE - BELOW);
  }

  #work(line: Line): Worked {
    const { figure } = this;
    const { smoothing } = this.#board;
    const known = this.#worked.get(line.dir);
    const sources = figure.needs.map((name) => line.series.figure(name));
    const same = known?.sources.every((values, i) => values === sources[i]) ?? false;
    if (same && known!.smoothing === smoothing) return known!;
    const raw = same ? known!.raw : line.series.has(figure.needs) ? figure.of(sources) : [];
    const worked = { sources, smoothing, raw, smooth: raw.map((values) => smoothed(values, smoothing)) };
    this.#worked.set(line.dir, worked);
    return worked;
  }

  #missing(): boolean {
    const { lines } = this.#board;
    if (this.figure.kind === 'validation' || lines.some(({ series }) => series.step.length === 0 || !series.has(this.figure.needs))) return false;
    const { quiet = false } = this.figure;
    return lines.every((line) => this.#work(line).raw.every((values) => values.every((value) => Number.isNaN(value) || (quiet && value === values[0]))));
  }

  #empty(): boolean {
    const { lines } = this.#board;
    return this.figure.kind === 'validation' ? lines.every(({ evaluations }) => evaluations.length === 0) : lines.every(({ series }) => series.has(this.figure.needs) && series.step.length === 0);
  }

  #scale(): [number, number] {
    const { lines, main, range } = this.#board;
    const { kind, floor, ceiling } = this.figure;
    let [low, high] = [Infinity, -Infinity];
    const take = (found: readonly [number, number] | undefined): void => {
      if (found === undefined) return;
      low = Math.min(low, found[0]);
      high = Math.max(high, found[1]);
    };
    if (kind === 'validation') {
      for (const { evaluations } of lines) for (const { greedy, sampled } of evaluations) for (const one of [greedy.reward, sampled.reward]) take(one === null ? undefined : [one.low, one.high]);
    } else if (kind === 'stack') {
      if (main !== undefined) take(extent(main.series.step, totals(this.#work(main).raw), range));
    } else {
      for (const line of lines) for (const values of this.#work(line).raw) take(extent(line.series.step, values, range));
      for (const values of main === undefined ? [] : this.#edges(main)) take(extent(main!.series.step, values, range));
    }
    if (low > high) return [floor ?? 0, ceiling ?? 1];
    if (kind === 'mirror') {
      const most = Math.max(high, -low, 0.01);
      [low, high] = padded([low < 0 ? -most : 0, most]);
      return [Math.min(low, 0), high];
    }
    const [padLow, padHigh] = padded([low, high]);
    if (ceiling !== undefined) return [floor! - 0.02 * (ceiling - floor!), ceiling + 0.02 * (ceiling - floor!)];
    return floor === undefined ? [padLow, padHigh] : [floor, padHigh > floor ? padHigh : floor + 1];
  }

  #axes(): void {
    const { context: c } = this.#lines;
    const { paint, range } = this.#board;
    c.font = paint.font;
    c.lineWidth = 1;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    for (const tick of ticks(...this.#y, this.#height > 150 ? 5 : 3)) {
      const y = Math.round(this.#py(tick)) + 0.5;
      c.strokeStyle = paint.grid;
      c.beginPath();
      c.moveTo(GUTTER, y);
      c.lineTo(this.#width - RIGHT, y);
      c.stroke();
      c.fillStyle = paint.dim;
      c.fillText(this.figure.text(tick).replace(/(\.\d*?)0+%$/, '$1%').replace('.%', '%'), GUTTER - 6, y);
    }
    c.textBaseline = 'alphabetic';
    c.textAlign = 'center';
    for (const tick of wholeTicks(range.from, range.to, Math.max(2, Math.floor(this.#inner / 90)))) {
      const x = this.#x(tick);
      const text = String(tick);
      const half = c.measureText(text).width / 2;
      c.fillText(text, Math.max(GUTTER + half, Math.min(this.#width - half - 1, x)), this.#height - 4);
    }
    c.setLineDash([]);
  }

  #stroke({ x, y, count }: Path): void {
    const { context: c } = this.#lines;
    let down = false;
    c.beginPath();
    for (let i = 0; i < count; i++) {
      const value = y[i]!;
      if (Number.isNaN(value)) {
        down = false;
        continue;
      }
      if (down) c.lineTo(x[i]!, this.#py(value));
      else c.moveTo(x[i]!, this.#py(value));
      // A point between gaps is still to be seen.
      if (!down && (i + 1 === count || Number.isNaN(y[i + 1]!))) c.lineTo(x[i]! + 0.01, this.#py(value));
      down = true;
    }
    c.stroke();
  }

  #curve(line: Line, quiet: boolean): void {
    const { context: c } = this.#lines;
    const { paint, range, smoothing, main } = this.#board;
    const { raw, smooth } = this.#work(line);
    const { step } = line.series;
    c.strokeStyle = line.ink.colour;
    c.lineCap = 'round';
    for (const [i, values] of raw.entries()) {
      if (smoothing > 0 && !quiet) {
        c.globalAlpha = paint.contrast ? 0.5 : line === main ? 0.3 : 0.2;
        c.lineWidth = 1;
        c.setLineDash([]);
        this.#stroke(extremes(step, values, range, this.#inner));
      }
      c.globalAlpha = 1;
      c.lineWidth = (line === main ? 1.75 : 1.25) + (paint.contrast ? 0.75 : 0);
      c.setLineDash(line.ink.dash as number[]);
      this.#stroke(smoothing > 0 ? means(step, smooth[i]!, range, this.#inner, quiet ? 2 : 1) : extremes(step, values, range, this.#inner));
    }
    c.setLineDash([]);
  }

  #band(line: Line): void {
    const { context: c } = this.#lines;
    const { paint, range } = this.#board;
    const [down, up] = this.#edges(line).map((values) => means(line.series.step, values, range, this.#inner));
    if (down === undefined || up === undefined) return;
    c.fillStyle = c.strokeStyle = line.ink.colour;
    if (paint.contrast) {
      c.lineWidth = 1;
      c.setLineDash([1, 3]);
      this.#stroke(up);
      this.#stroke(down);
      c.setLineDash([]);
      return;
    }
    c.globalAlpha = 0.1;
    c.beginPath();
    for (let i = 0; i < up.count; i++) if (!Number.isNaN(up.y[i]!)) c.lineTo(up.x[i]!, this.#py(up.y[i]!));
    for (let i = down.count - 1; i >= 0; i--) if (!Number.isNaN(down.y[i]!)) c.lineTo(down.x[i]!, this.#py(down.y[i]!));
    c.fill();
    c.globalAlpha = 1;
  }

  /** No further than what was reached. */
  #edges(line: Line): Float32Array[] {
    const { series } = line;
    const [middle] = this.#work(line).smooth;
    if (this.figure.spread === undefined || middle === undefined) return [];
    const [wide, least, most] = this.figure.spread.map((name) => smoothed(series.figure(name), this.#board.smoothing));
    return [middle.map((value, i) => Math.max(value - wide![i]!, least![i]!)), middle.map((value, i) => Math.min(value + wide![i]!, most![i]!))];
  }

  #stack(): void {
    const { main, paint, range } = this.#board;
    if (main === undefined) return;
    const { context: c } = this.#lines;
    const { raw } = this.#work(main);
    if (raw.length === 0) return;
    const { step } = main.series;
    let below = new Float32Array(raw[0]!.length);
    const edges = raw.map((values) => (below = below.map((sum, i) => sum + (values[i] || 0)))).map((values) => means(step, values, range, this.#inner));
    for (const [i, { x, y, count }] of edges.entries()) {
      const under = edges[i - 1];
      c.fillStyle = c.strokeStyle = paint.parts[i]!;
      c.beginPath();
      for (let at = 0; at < count; at++) c.lineTo(x[at]!, this.#py(y[at]!));
      for (let at = count - 1; at >= 0; at--) c.lineTo(x[at]!, this.#py(under?.y[at] ?? 0));
      c.closePath();
      if (!paint.contrast) {
        c.globalAlpha = 0.75;
        c.fill();
        c.globalAlpha = 1;
      }
      c.lineWidth = paint.contrast ? 2 : 1;
      c.setLineDash(paint.contrast ? [[], [7, 3], [2, 2.5], [9, 3, 2, 3]][i]! : []);
      this.#stroke({ x, y, count });
    }
    c.setLineDash([]);
  }

  /** Greedy filled, sampled hollow, each with its interval. */
  #validations({ evaluations, ink }: Line): void {
    const { context: c } = this.#lines;
    const { paint } = this.#board;
    c.strokeStyle = ink.colour;
    for (const [kind, shift] of [['sampled', 2], ['greedy', -2]] as const) {
      c.setLineDash(ink.dash as number[]);
      c.lineWidth = kind === 'greedy' ? 1.5 : 1;
      const seen = evaluations.filter((row: EvaluationRow) => row[kind].reward !== null);
      const at = (row: EvaluationRow): number => this.#x(row.step) - GUTTER + shift;
      this.#stroke({ x: Float32Array.from(seen, at), y: Float32Array.from(seen, (row) => row[kind].reward!.mean), count: seen.length });
      c.setLineDash([]);
      for (const row of seen) {
        const { mean, low, high } = row[kind].reward!;
        const x = at(row);
        c.lineWidth = 1;
        c.beginPath();
        c.moveTo(x, this.#py(low));
        c.lineTo(x, this.#py(high));
        c.stroke();
        c.lineWidth = 1.5;
        c.fillStyle = kind === 'greedy' ? ink.colour : paint.background;
        c.beginPath();
        c.arc(x, this.#py(mean), 3.25, 0, Math.PI * 2);
        c.fill();
        c.stroke();
      }
    }
  }

  #fillTable(): void {
    if (this.#table.hidden) return;
    const { lines, main, range } = this.#board;
    const { figure } = this;
    if (figure.kind === 'validation') {
      const rows = lines.flatMap((line) => line.evaluations.map((row) => ({ step: row.step, name: line.name, cells: (['greedy', 'sampled'] as const).map((kind) => estimateText(row[kind].reward, figure)) })));
      this.#table.replaceChildren(valueTable(t(figure.title), figure.parts!.map((part) => t(part)), rows, rows.length, lines.length > 1));
      return;
    }
    let of = 0;
    const rows = (figure.kind === 'stack' ? [main] : lines).flatMap((line) => {
      if (line === undefined) return [];
      const { raw } = this.#work(line);
      const [first, end] = placesIn(line.series.step, range);
      of += end - first;
      const stride = Math.max(1, Math.ceil((end - first) / LISTED));
      return Array.from({ length: Math.ceil((end - first) / stride) }, (_, i) => first + i * stride).map((place) => ({
        step: line.series.step[place]!, name: line.name, cells: raw.map((values) => (Number.isNaN(values[place]!) ? NONE : figure.text(values[place]!))),
      }));
    });
    this.#table.replaceChildren(valueTable(t(figure.title), (figure.parts ?? ['value' as const]).map((part) => t(part)), rows, of, lines.length > 1));
  }
}

const LISTED = 100;
/** Marks at the first and the last step are whole. */
const EDGE = 5;

function estimateText(estimate: EvaluationRow['greedy']['reward'], figure: Figure): string {
  return estimate === null ? NONE : `${figure.text(estimate.mean)} [${figure.text(estimate.low)}, ${figure.text(estimate.high)}]`;
}

function totals(parts: readonly Float32Array[]): Float32Array {
  return parts[0]?.map((_, i) => parts.reduce((sum, values) => sum + (values[i] || 0), 0)) ?? new Float32Array(0);
}
