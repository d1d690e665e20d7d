/** The few figures a summary needs. */

export function mean(values: readonly number[]): number {
  return values.length === 0 ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Half the width of the 95 % interval of a mean. */
export function meanMargin(count: number, sum: number, squares: number): number {
  if (count < 2) return NaN;
  const variance = Math.max(0, (squares - sum ** 2 / count) / (count - 1));
  return 1.96 * Math.sqrt(variance / count);
}

/** Wilson's 95 % interval of a share; right also at 0 and 1, where the plain one is not. */
export function shareInterval(hits: number, count: number): [low: number, high: number] {
  if (count === 0) return [NaN, NaN];
  const z = 1.96;
  const share = hits / count;
  const center = (share + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const margin = (z / (1 + z ** 2 / count)) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return [Math.max(0, center - margin), Math.min(1, center + margin)];
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** How often values fall into each of `bins` equal parts of their range. */
export function histogram(values: readonly number[], bins: number): string {
  if (values.length === 0) return '';
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (low === high) return bars.at(-1)!;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]!++;
  const most = Math.max(...counts);
  return counts.map((count) => (count === 0 ? '·' : bars[Math.max(0, Math.ceil((count / most) * bars.length) - 1)]!)).join('');
}

export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return '–';
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function decimal(value: number, digits = 2): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

export function percent(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value * 100)} %` : '–';
}
