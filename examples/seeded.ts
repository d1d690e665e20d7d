/** Random numbers from a seed: the same seed gives the same data on every machine. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[], weights?: readonly number[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from');
    if (!weights) return list[Math.floor(this.next() * list.length)]!;
    let rest = this.next() * weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      rest -= weight;
      if (rest < 0) return list[index]!;
    }
    return list.at(-1)!;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const copy = [...list];
    for (let index = copy.length - 1; index > 0; index--) {
      const other = this.between(0, index);
      [copy[index], copy[other]] = [copy[other]!, copy[index]!];
    }
    return copy;
  }
}

/** What a problem is for. A policy is taught on `lessons` and never sees the other two there. */
export type Split = 'lessons' | 'training' | 'validation';

/** A problem belongs to one split for good, by what it is (its key) and not by when it was made. */
export function splitOf(key: string): Split {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  const share = new Seeded(hash).next();
  return share < 0.5 ? 'lessons' : share < 0.82 ? 'training' : 'validation';
}
