import { Seeded, splitOf, type Split } from '../seeded.ts';

export const size = 4;
export const maxMoves = 8;
const holeShare = 0.32;

export const moves = ['left', 'down', 'right', 'up'] as const;
export type Move = (typeof moves)[number];

/** Cells are numbered row by row. The goal is the last one. */
export interface Lake {
  holes: ReadonlySet<number>;
  start: number;
}

export const goal = size * size - 1;

export interface StepResult {
  observation: string;
  reward: number;
  done: boolean;
}

/** FrozenLake 4x4, not slippery: +1 at the goal, the end at a hole or after eight moves. */
export class FrozenLake {
  readonly lake: Lake;
  #at: number;
  #left = maxMoves;

  constructor(seed: number) {
    this.lake = lakeOf(seed);
    this.#at = this.lake.start;
  }

  reset(): string {
    this.#at = this.lake.start;
    this.#left = maxMoves;
    return draw(this.lake, this.#at);
  }

  /** No move stands still and costs a move all the same. */
  step(move: Move | undefined): StepResult {
    if (this.#left === 0) throw new Error('the game is over: call reset() first');
    if (move) this.#at = after(this.#at, move);
    const reached = this.#at === goal;
    const done = reached || this.lake.holes.has(this.#at) || this.#left === 1;
    this.#left = done ? 0 : this.#left - 1;
    return { observation: draw(this.lake, this.#at), reward: reached ? 1 : 0, done };
  }
}

/** Where a move leads; the shore stops it. */
export function after(cell: number, move: Move): number {
  const [row, column] = [Math.floor(cell / size), cell % size];
  if (move === 'left') return column > 0 ? cell - 1 : cell;
  if (move === 'right') return column < size - 1 ? cell + 1 : cell;
  if (move === 'up') return row > 0 ? cell - size : cell;
  return row < size - 1 ? cell + size : cell;
}

/** Moves to the goal from every cell that can reach it over ice. */
export function distances(holes: ReadonlySet<number>): Map<number, number> {
  const found = new Map([[goal, 0]]);
  for (const [cell, distance] of found) {
    for (const move of moves) {
      const next = after(cell, move);
      if (!holes.has(next) && !found.has(next)) found.set(next, distance + 1);
    }
  }
  return found;
}

/** The reader `random_dummy` counts the tasks of validation from here on. */
const firstOfValidation = 1_000_000;

/** The lake of a seed; it can always be crossed. No lake is in two splits. */
export function lakeOf(seed: number, split: Split = seed < firstOfValidation ? 'training' : 'validation'): Lake {
  const random = new Seeded(seed);
  for (;;) {
    const start = random.between(0, goal - 1);
    const holes = new Set<number>();
    for (let cell = 0; cell < goal; cell++) if (cell !== start && random.chance(holeShare)) holes.add(cell);
    const lake = { holes, start };
    const distance = distances(holes).get(start) ?? Infinity;
    if (distance >= 4 && distance <= maxMoves - 2 && splitOfLake(lake) === split) return lake;
  }
}

/** By the holes alone, whatever the start. */
export function splitOfLake(lake: Lake): Split {
  return splitOf([...lake.holes].join(' '));
}

export function draw(lake: Lake, at: number): string {
  const rows: string[] = [];
  for (let row = 0; row < size; row++) {
    let line = '';
    for (let cell = row * size; cell < (row + 1) * size; cell++) {
      line += cell === at ? ' P' : cell === goal ? ' G' : lake.holes.has(cell) ? ' O' : ' _';
    }
    rows.push(line);
  }
  return rows.join('\n');
}
