/** Lines as pixels have room for them. Pure: arrays in, arrays out. */

export interface Range {
  from: number;
  to: number;
}

/** Points of a line in pixels, in the order they are drawn; a NaN in `y` lifts the pen. */
export interface Path {
  x: Float32Array;
  y: Float32Array;
  count: number;
}

/** First place whose step is at least `step`, from the place `low` on. */
export function placeOf(steps: Int32Array, step: number, count = steps.length, low = 0): number {
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The place nearest to a step; -1: there is none. */
export function nearestPlace(steps: Int32Array, step: number, count = steps.length): number {
  const at = placeOf(steps, step, count);
  if (at === count) return count - 1;
  return at > 0 && step - steps[at - 1]! < steps[at]! - step ? at - 1 : at;
}

/** Places that are drawn for a range: those in it, and one neighbour at each side, so that lines go on to the edge. */
export function placesIn(steps: Int32Array, { from, to }: Range, count = steps.length): [number, number] {
  return [Math.max(0, placeOf(steps, from, count) - 1), Math.min(count, placeOf(steps, to, count) + 1)];
}

/** Each column of pixels keeps its least and its greatest value, in the order they came: peaks stay, and a path never has more than two points a column. */
export function extremes(steps: Int32Array, values: Float32Array, range: Range, width: number): Path {
  return decimate(steps, values, range, width, (column, path, first, end) => {
    let [low, high] = [-1, -1];
    for (let i = first; i < end; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) continue;
      if (low < 0 || value < values[low]!) low = i;
      if (high < 0 || value > values[high]!) high = i;
    }
    if (low < 0) return put(path, column, NaN);
    put(path, column, values[Math.min(low, high)]!);
    if (low !== high) put(path, column, values[Math.max(low, high)]!);
  });
}

/** Each column keeps its mean, of one pixel or of several: for lines that are smooth already. */
export function means(steps: Int32Array, values: Float32Array, range: Range, width: number, pixels = 1): Path {
  const path = decimate(steps, values, range, width / pixels, (column, path, first, end) => {
    let [sum, known] = [0, 0];
    for (let i = first; i < end; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      known++;
    }
    put(path, column, known === 0 ? NaN : sum / known);
  });
  if (pixels !== 1) for (let i = 0; i < path.count; i++) path.x[i]! *= pixels;
  return path;
}

function decimate(steps: Int32Array, values: Float32Array, range: Range, width: number, keep: (x: number, path: Path, first: number, end: number) => void): Path {
  const count = Math.min(steps.length, values.length);
  const [first, end] = placesIn(steps, range, count);
  const scale = width / Math.max(1e-9, range.to - range.from);
  if (end - first <= width * 2) {
    const path: Path = { x: new Float32Array(end - first), y: values.slice(first, end), count: end - first };
    for (let i = first; i < end; i++) path.x[i - first] = (steps[i]! - range.from) * scale;
    return path;
  }
  const path: Path = { x: new Float32Array(Math.ceil(width) * 2 + 8), y: new Float32Array(Math.ceil(width) * 2 + 8), count: 0 };
  for (let i = first; i < end;) {
    const column = Math.floor((steps[i]! - range.from) * scale);
    const next = placeOf(steps, range.from + (column + 1) / scale, end, i + 1);
    keep(column + 0.5, path, i, next);
    i = next;
  }
  return path;
}

function put(path: Path, x: number, y: number): void {
  path.x[path.count] = x;
  path.y[path.count++] = y;
}

/** A mean that forgets: `weight` of what was, the rest of what is; free of the pull of its beginning. It goes on over what is missing. */
export function smoothed(values: Float32Array, weight: number): Float32Array {
  if (weight <= 0) return values;
  const result = new Float32Array(values.length);
  let [mean, share] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isNaN(value)) {
      mean = mean * weight + value * (1 - weight);
      share = share * weight + (1 - weight);
    }
    result[i] = mean / share;
  }
  return result;
}

const SAMPLED = 512;
const sample = new Float32Array(SAMPLED + 1);

/** Least and greatest of what is in a range, but for the outermost hundredth at each side where there is much: one spike hides no curve. */
export function extent(steps: Int32Array, values: Float32Array, range: Range): [number, number] | undefined {
  const count = Math.min(steps.length, values.length);
  const [first, end] = placesIn(steps, range, count);
  const stride = Math.max(1, Math.ceil((end - first) / SAMPLED));
  let known = 0;
  for (let i = first; i < end; i += stride) {
    const value = values[i]!;
    if (!Number.isNaN(value)) sample[known++] = value;
  }
  if (known === 0) return undefined;
  // Without a function of ours, an array of numbers is sorted many times faster.
  const sorted = sample.subarray(0, known).sort();
  const cut = known < 100 ? 0 : Math.floor(known / 100);
  return [sorted[cut]!, sorted[known - 1 - cut]!];
}

/** Round numbers within a range, some `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough)!;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** At least two, where so few say nothing of the scale. */
export function scaleTicks(low: number, high: number, wanted: number): number[] {
  for (let more = wanted; more < wanted * 4; more++) {
    const found = ticks(low, high, more);
    if (found.length > 1) return found;
  }
  return ticks(low, high, wanted);
}

export function wholeTicks(from: number, to: number, wanted: number): number[] {
  return ticks(from, to, wanted).filter((tick) => Number.isInteger(tick));
}

/** Some air above and below; a flat line stands in the middle. */
export function padded([low, high]: readonly [number, number]): [number, number] {
  if (high - low < 1e-12) {
    const around = Math.abs(low) * 0.1 || 1;
    return [low - around, high + around];
  }
  const air = (high - low) * 0.06;
  return [low - air, high + air];
}
