/** Which rows are shown, and in which order. */
import type { NumberColumn, RolloutTable } from '../../../runtime/view/rollout-table.ts';
import type { Test } from '../../../runtime/view/filter.ts';

export type SortKey = 'place' | 'id' | 'task' | 'role' | 'flags' | 'tokens' | NumberColumn;
export interface Sort {
  by: SortKey;
  descending: boolean;
}

const natural = new Intl.Collator('en', { numeric: true });

/** All rows in the order asked for. Missing values come last, either way; equal ones keep their place. */
export function sortedRows(table: RolloutTable, { by, descending }: Sort): Uint32Array {
  const rows = new Uint32Array(table.count);
  for (let row = 0; row < rows.length; row++) rows[row] = row;
  if (by === 'place') return descending ? rows.reverse() : rows;
  const keys = keysOf(table, by);
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => {
    const x = keys[a]!;
    const y = keys[b]!;
    if (x === y) return a - b;
    if (x !== x) return y !== y ? a - b : 1;
    if (y !== y) return -1;
    return (x - y) * sign;
  });
}

function keysOf(table: RolloutTable, by: Exclude<SortKey, 'place'>): ArrayLike<number> {
  if (by === 'tokens') return Float64Array.from({ length: table.count }, (_, row) => table.numbers.prompt[row]! + table.numbers.sampled[row]!);
  if (by === 'task') {
    const ranks = ranksOf(table.tasks);
    return Uint32Array.from({ length: table.count }, (_, row) => ranks[table.task[row]!]!);
  }
  if (by === 'role') {
    const ranks = ranksOf(table.roles);
    return Float64Array.from({ length: table.count }, (_, row) => (table.roles[table.role[row]!] === '' ? NaN : ranks[table.role[row]!]!));
  }
  if (by === 'id') return ranksOf(table.ids);
  if (by === 'flags') return Float64Array.from({ length: table.count }, (_, row) => (table.flags[row] === 0 ? NaN : table.flags[row]!));
  return table.numbers[by];
}

function ranksOf(names: readonly string[]): Uint32Array {
  const ranks = new Uint32Array(names.length);
  names.map((_, place) => place).sort((a, b) => natural.compare(names[a]!, names[b]!)).forEach((place, rank) => (ranks[place] = rank));
  return ranks;
}

export function filtered(rows: Uint32Array, test: Test): Uint32Array {
  const kept = new Uint32Array(rows.length);
  let count = 0;
  for (const row of rows) if (test(row)) kept[count++] = row;
  return kept.subarray(0, count);
}

export interface Bar {
  from: number;
  to: number;
  count: number;
  /** All rewards in it are this one. */
  exact: boolean;
}

const BARS = 24;
const DISTINCT = 12;

/** Few distinct rewards get a bar each; many are put together in ranges of round numbers. */
export function rewardBars(table: RolloutTable, rows: Uint32Array): Bar[] {
  const rewards = table.numbers.reward;
  const distinct = new Map<number, number>();
  let low = Infinity;
  let high = -Infinity;
  for (const row of rows) {
    const reward = rewards[row]!;
    if (reward !== reward) continue;
    if (reward < low) low = reward;
    if (reward > high) high = reward;
    if (distinct.size <= DISTINCT) distinct.set(reward, (distinct.get(reward) ?? 0) + 1);
  }
  if (distinct.size === 0) return [];
  if (distinct.size <= DISTINCT) return [...distinct].sort(([a], [b]) => a - b).map(([reward, count]) => ({ from: reward, to: reward, count, exact: true }));
  const width = roundUp((high - low) / BARS);
  const begin = Math.floor(low / width + 1e-9);
  const bars: Bar[] = Array.from({ length: Math.floor(high / width + 1e-9) - begin + 1 }, (_, i) => ({ from: round((begin + i) * width), to: round((begin + i + 1) * width), count: 0, exact: false }));
  for (const row of rows) {
    const reward = rewards[row]!;
    if (reward === reward) bars[Math.floor(reward / width + 1e-9) - begin]!.count++;
  }
  return bars;
}

const round = (value: number): number => Number(value.toPrecision(12));

function roundUp(width: number): number {
  const power = 10 ** Math.floor(Math.log10(width));
  return round(([1, 2, 2.5, 5, 10].find((factor) => factor * power >= width * 0.999) ?? 10) * power);
}

export interface RewardRange {
  from: number;
  to: number;
  exact: boolean;
}

/** The bars of a range include where they begin, and not where they end; one of exact rewards includes both. */
export function inRange(table: RolloutTable, { from, to, exact }: RewardRange): Test {
  return exact ? (row) => table.numbers.reward[row]! >= from && table.numbers.reward[row]! <= to
    : (row) => table.numbers.reward[row]! >= from - 1e-12 && table.numbers.reward[row]! < to - 1e-12;
}
