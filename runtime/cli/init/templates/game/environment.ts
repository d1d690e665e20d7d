import type { Environment, Step, Task, Verdict } from 'tuning-fork';

export const moves = ['left', 'down', 'right', 'up'] as const;
export type Move = (typeof moves)[number];

const size = 4;
const goal = size * size - 1;
const mostMoves = 8;

/** FrozenLake 4x4: over the ice to the goal, not into a hole. The seed of a task makes its lake. */
export class FrozenLake implements Environment<string, Move | undefined> {
  #holes = new Set<number>();
  #at = 0;
  #moves = 0;

  reset({ metadata }: Pick<Task, 'metadata'>): string {
    const random = generator(Number(metadata.random_number));
    do {
      this.#at = Math.floor(random() * goal);
      this.#holes = new Set([...Array(goal).keys()].filter((cell) => cell !== this.#at && random() < 0.3));
    } while (!this.#canBeWon());
    this.#moves = 0;
    return this.#draw();
  }

  /** No move stands still, and costs a move all the same. */
  step(move: Move | undefined): Step {
    this.#at = after(this.#at, move);
    this.#moves++;
    const won = this.#at === goal;
    return { observation: this.#draw(), reward: won ? 1 : 0, done: won || this.#holes.has(this.#at) || this.#moves === mostMoves };
  }

  evaluate(): Verdict {
    const won = this.#at === goal;
    return { reward: won ? 1 : 0, success: won };
  }

  #canBeWon(): boolean {
    const reached = new Map([[this.#at, 0]]);
    for (const [cell, distance] of reached) {
      for (const next of moves.map((move) => after(cell, move))) if (!this.#holes.has(next) && !reached.has(next)) reached.set(next, distance + 1);
    }
    const distance = reached.get(goal);
    return distance !== undefined && distance >= 4 && distance <= mostMoves - 2;
  }

  #draw(): string {
    const cell = (index: number): string => (index === this.#at ? 'P' : index === goal ? 'G' : this.#holes.has(index) ? 'O' : '_');
    return Array.from({ length: size }, (_, row) => Array.from({ length: size }, (_, column) => ` ${cell(row * size + column)}`).join('')).join('\n');
  }
}

/** Where a move leads; the shore stops it. */
function after(cell: number, move: Move | undefined): number {
  const [row, column] = [Math.floor(cell / size), cell % size];
  if (move === 'left' && column > 0) return cell - 1;
  if (move === 'right' && column < size - 1) return cell + 1;
  if (move === 'up' && row > 0) return cell - size;
  if (move === 'down' && row < size - 1) return cell + size;
  return cell;
}

/** Random numbers from a seed: the same task has the same lake, whenever it is run. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
