import type { Task } from '../protocol/task.ts';
import type { Split } from '../protocol/trace.ts';
import type { TaskSource } from './source.ts';

/**
 * Tasks that carry a number and nothing else. Training has 0 to count - 1, in an order the seed decides; validation has
 * numbers from a million on, so that the two never share one.
 */
export function dummyTasks(split: Split, count: number, seed: number): TaskSource {
  const first = split === 'training' ? 0 : 1_000_000;
  return {
    name: `random_dummy (${split})`,
    count,
    badRows: [],
    badRowCount: 0,
    async *tasks() {
      for (const offset of shuffled(count, seed)) yield dummy(first + offset);
    },
  };
}

function dummy(number: number): Task {
  return { taskId: String(number), mainQuery: `[dummy task @ ${number}]`, initMessages: [], envType: 'no_env', metadata: { random_number: number } };
}

function shuffled(count: number, seed: number): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const random = generator(seed);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
