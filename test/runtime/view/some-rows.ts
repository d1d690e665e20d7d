/** Rows of a run whose values follow from their numbers. */
import type { RolloutColumns } from '../../../runtime/protocol/viewer.ts';
import { RolloutTable } from '../../../runtime/view/rollout-table.ts';

export function columns(count: number, { from = 0, status = 0, rewardOf = (row: number) => (row % 7 === 6 ? NaN : (row % 5) / 4), ids = (row: number) => `s${Math.floor(row / 10)}t${row}n0` } = {}): RolloutColumns {
  const rows = Array.from({ length: count }, (_, i) => from + i);
  const numbers = (of: (row: number) => number): Float64Array => Float64Array.from(rows, of);
  return {
    from, count, ids: rows.map(ids).join('\n'), tasks: ['train-2', 'train-10', 'other thing'], task: Uint32Array.from(rows, (row) => row % 3),
    roles: ['solver\ncritic', 'solver', ''], role: Uint32Array.from(rows, (row) => row % 3),
    step: numbers((row) => Math.floor(row / 10)), sample: numbers((row) => row % 4), reward: numbers(rewardOf), advantage: numbers((row) => (row % 5) - 2), calls: numbers((row) => 1 + (row % 3)),
    prompt: numbers(() => 100), sampled: numbers((row) => row), trained: numbers((row) => (row % 2) * row), duration: numbers((row) => row * 100),
    status: Uint8Array.from(rows, (row) => (row % 9 === 8 ? 1 : status)), success: Uint8Array.from(rows, (row) => row % 3), split: Uint8Array.from(rows, (row) => row % 2),
    flags: Uint32Array.from(rows, (row) => row % 4), flagNames: ['truncated', 'error:policy'],
  };
}

export function tableOf(count = 60): RolloutTable {
  const table = new RolloutTable();
  table.append(columns(count));
  return table;
}
