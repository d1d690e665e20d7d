/** The few figures a summary needs. */

export function mean(values: readonly number[]): number {
  return values.length === 0 ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

const Z = 1.959964;

/** Half the width of the 95 % interval of a mean, from the count, the sum and the sum of squares. */
export function meanMargin(count: number, sum: number, squares: number): number {
  if (count < 2) return NaN;
  const variance = Math.max(0, (squares - sum ** 2 / count) / (count - 1));
  return studentQuantile(count - 1) * Math.sqrt(variance / count);
}

/** Student's t at 97.5 %. Few values say less than the normal distribution pretends: with four of them it is 3.18, not 1.96. */
export function studentQuantile(degrees: number): number {
  if (degrees === 1) return 12.706205;
  if (degrees === 2) return 4.302653;
  // Cornish-Fisher; wrong by less than 1 % from three degrees on.
  const n = degrees;
  return Z + (Z ** 3 + Z) / (4 * n) + (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * n ** 2)
    + (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / (384 * n ** 3);
}

/** Wilson's 95 % interval of a share; right also at 0 and 1, where the plain one is not. */
export function shareInterval(hits: number, count: number): [low: number, high: number] {
  if (count === 0) return [NaN, NaN];
  const share = hits / count;
  const center = (share + Z ** 2 / (2 * count)) / (1 + Z ** 2 / count);
  const margin = (Z / (1 + Z ** 2 / count)) * Math.sqrt((share * (1 - share)) / count + Z ** 2 / (4 * count ** 2));
  return [Math.max(0, center - margin), Math.min(1, center + margin)];
}

const LEVELS = '▁▂▃▄▅▆▇█';

/** A value between `low` and `high` as a bar of one column. */
export function level(value: number, low: number, high: number): string {
  const share = high > low ? (value - low) / (high - low) : 1;
  return LEVELS[Math.min(LEVELS.length - 1, Math.max(0, Math.round(share * (LEVELS.length - 1))))]!;
}

/** How often values fall into each of `bins` equal parts of their range. */
export function histogram(values: readonly number[], bins: number): string {
  if (values.length === 0) return '';
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (low === high) return LEVELS.at(-1)!;
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]!++;
  const most = Math.max(...counts);
  return counts.map((count) => (count === 0 ? '·' : LEVELS[Math.ceil((count / most) * LEVELS.length) - 1]!)).join('');
}
