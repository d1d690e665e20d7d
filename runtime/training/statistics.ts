/** Means, shares and gains, each with the interval that says how far it may be off. */
import type { Estimate } from '../protocol/training.ts';
import { keyedRandom } from './schedule.ts';

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Unbiased: over n - 1. */
export function deviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

const Z95 = 1.959963984540054;

/** Wilson's interval of a share; right also at 0 and 1, where the plain one is not. */
export function shareEstimate(hits: number, count: number): Estimate {
  const share = hits / count;
  const scale = 1 + Z95 ** 2 / count;
  const center = (share + Z95 ** 2 / (2 * count)) / scale;
  const margin = (Z95 / scale) * Math.sqrt((share * (1 - share)) / count + Z95 ** 2 / (4 * count ** 2));
  return { mean: share, low: Math.max(0, center - margin), high: Math.min(1, center + margin) };
}

/** Chance that at least one of k drawn from n rollouts, c of them right, is right: 1 - C(n - c, k) / C(n, k). Without bias, unlike 1 - (1 - c/n)^k. */
export function passAt(k: number, count: number, right: number): number {
  if (count - right < k) return 1;
  let allWrong = 1;
  for (let i = 0; i < k; i++) allWrong *= (count - right - i) / (count - i);
  return 1 - allWrong;
}

const RESAMPLES = 1_000;

/**
 * The mean of all values, with the percentile interval of resampled clusters: rollouts of one task are alike, so tasks are drawn, not
 * rollouts. Drawn from a key, so that the same values always give the same interval.
 */
export function clusteredEstimate(clusters: readonly (readonly number[])[], key: string): Estimate | null {
  const sums = clusters.filter(({ length }) => length > 0).map((values) => ({ sum: values.reduce((sum, value) => sum + value, 0), count: values.length }));
  const total = ratio(sums);
  if (sums.length === 0) return null;
  const random = generator(keyedRandom('bootstrap', key)(0));
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < sums.length; i++) {
      const drawn = sums[Math.floor(random() * sums.length)]!;
      sum += drawn.sum;
      count += drawn.count;
    }
    return sum / count;
  }).sort();
  return { mean: total, low: means[Math.floor(0.025 * RESAMPLES)]!, high: means[Math.ceil(0.975 * RESAMPLES) - 1]! };
}

function ratio(sums: readonly { sum: number; count: number }[]): number {
  return sums.reduce((all, { sum }) => all + sum, 0) / sums.reduce((all, { count }) => all + count, 0);
}

/** Mean over tasks of after - before, each task compared with itself. */
export function gainEstimate(pairs: readonly { before: number; after: number }[], key: string): Estimate | null {
  return clusteredEstimate(pairs.map(({ before, after }) => [after - before]), key);
}

/** Mulberry32: a million draws in some milliseconds. */
function generator(start: number): () => number {
  let state = Math.floor(start * 2 ** 32) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
