/** What a figure is worth in each training that is shown: worked out once for what came and how it is smoothed. */
import type { Board, Line } from './board.ts';
import type { Figure } from './figures.ts';
import { extent, nearestPlace, padded, smoothed } from './plot.ts';

export interface Worked {
  /** What it was worked out from. */
  sources: Float32Array[];
  smoothing: number;
  raw: Float32Array[];
  smooth: Float32Array[];
  /** Of the band around it: below and above. */
  edges: Float32Array[] | undefined;
}

export interface ValueAt {
  part?: Figure['title'];
  value: number;
  /** Where its point stands; NaN: there is none. */
  drawn: number;
  /** Beside one that is smoothed. */
  raw?: number;
}

export class Values {
  readonly #figure: Figure;
  readonly #board: Board;
  readonly #worked = new Map<string, Worked>();

  constructor(figure: Figure, board: Board) {
    this.#figure = figure;
    this.#board = board;
  }

  of({ dir, series }: Line): Worked {
    const { needs, of } = this.#figure;
    const { smoothing } = this.#board;
    const known = this.#worked.get(dir);
    const sources = needs.map((name) => series.figure(name));
    const same = known?.sources.every((values, i) => values === sources[i]) ?? false;
    if (same && known!.smoothing === smoothing) return known!;
    const raw = same ? known!.raw : series.has(needs) ? of(sources) : [];
    const worked = { sources, smoothing, raw, smooth: raw.map((values) => smoothed(values, smoothing)), edges: undefined };
    this.#worked.set(dir, worked);
    return worked;
  }

  /** No further than what was reached. */
  edges(line: Line): Float32Array[] {
    const worked = this.of(line);
    const [middle] = worked.smooth;
    const { spread } = this.#figure;
    if (spread === undefined || middle === undefined) return [];
    if (worked.edges !== undefined) return worked.edges;
    const [wide, least, most] = spread.map((name) => smoothed(line.series.figure(name), worked.smoothing)) as [Float32Array, Float32Array, Float32Array];
    return worked.edges = [middle.map((value, i) => Math.max(value - wide[i]!, least[i]!)), middle.map((value, i) => Math.min(value + wide[i]!, most[i]!))];
  }

  /** At a step, or the newest ones; smoothed where the charts are, and then `raw` beside it. */
  at(line: Line, step: number | null): ValueAt[] {
    const { kind, parts } = this.#figure;
    if (kind === 'validation') {
      const at = step ?? Infinity;
      const row = line.evaluations.findLast((each) => each.step <= at) ?? line.evaluations[0];
      if (row === undefined) return [];
      return (['greedy', 'sampled'] as const).map((way, i) => ({ part: parts![i]!, value: row[way].reward?.mean ?? NaN, drawn: NaN }));
    }
    const { raw, smooth } = this.of(line);
    const place = step === null ? line.series.step.length - 1 : nearestPlace(line.series.step, step);
    if (place < 0) return [];
    const even = this.#board.smoothing > 0 && kind !== 'stack';
    return raw.map((values, i) => {
      const own = values[place] ?? NaN;
      const shown = even ? smooth[i]![place] ?? NaN : own;
      return { ...(raw.length > 1 && { part: parts![i]! }), value: step === null ? own : shown, drawn: shown, ...(even && step !== null && { raw: own }) };
    });
  }

  /** These trainings don't measure it. */
  get missing(): boolean {
    const { lines } = this.#board;
    const { kind, needs, quiet = false } = this.#figure;
    if (kind === 'validation' || lines.some(({ series }) => series.step.length === 0 || !series.has(needs))) return false;
    return lines.every((line) => this.of(line).raw.every((values) => values.every((value) => Number.isNaN(value) || (quiet && value === values[0]))));
  }

  get empty(): boolean {
    const { lines } = this.#board;
    const { kind, needs } = this.#figure;
    return kind === 'validation' ? lines.every(({ evaluations }) => evaluations.length === 0) : lines.every(({ series }) => series.has(needs) && series.step.length === 0);
  }

  /** The least and the greatest value that shall be seen. */
  scale(): [number, number] {
    const { lines, main, range } = this.#board;
    const { kind, floor, ceiling } = this.#figure;
    let [low, high] = [Infinity, -Infinity];
    const take = (found: readonly [number, number] | undefined): void => {
      if (found === undefined) return;
      low = Math.min(low, found[0]);
      high = Math.max(high, found[1]);
    };
    if (kind === 'validation') {
      for (const { evaluations } of lines) for (const { greedy, sampled } of evaluations) for (const one of [greedy.reward, sampled.reward]) take(one === null ? undefined : [one.low, one.high]);
    } else if (kind === 'stack') {
      if (main !== undefined) take(extent(main.series.step, stacked(this.of(main).raw).at(-1) ?? new Float32Array(0), range));
    } else {
      for (const line of lines) for (const values of this.of(line).raw) take(extent(line.series.step, values, range));
      for (const values of main === undefined ? [] : this.edges(main)) take(extent(main!.series.step, values, range));
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
}

/** Each part on those before it. */
export function stacked(parts: readonly Float32Array[]): Float32Array[] {
  let below = new Float32Array(parts[0]?.length ?? 0);
  return parts.map((values) => (below = below.map((sum, i) => sum + (values[i] || 0))));
}
