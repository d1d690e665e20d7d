/** The rows of a run as typed arrays that grow: sealed rollouts first, then those in flight. */
import type { RolloutColumns } from '../../../runtime/protocol/viewer.ts';

export const NUMBERS = ['step', 'sample', 'reward', 'advantage', 'calls', 'prompt', 'sampled', 'trained', 'duration'] as const;
export type NumberColumn = (typeof NUMBERS)[number];
const CODES = ['status', 'success', 'split'] as const;
export type CodeColumn = (typeof CODES)[number];

export const STATUS = ['finished', 'failed', 'cancelled', 'running'] as const;
export const SPLIT = ['training', 'validation'] as const;
export const SUCCESS = ['no', 'yes', 'none'] as const;

export class RolloutTable {
  count = 0;
  sealed = 0;
  ids: string[] = [];
  tasks: string[] = [];
  flagNames: string[] = [];
  task = new Uint32Array(0);
  flags = new Uint32Array(0);
  readonly numbers = Object.fromEntries(NUMBERS.map((name) => [name, new Float64Array(0)])) as Record<NumberColumn, Float64Array>;
  readonly codes = Object.fromEntries(CODES.map((name) => [name, new Uint8Array(0)])) as Record<CodeColumn, Uint8Array>;
  readonly #places = new Map<string, number>();
  readonly #taskPlaces = new Map<string, number>();

  append(columns: RolloutColumns): void {
    this.#drop();
    this.#add(columns);
    this.sealed = this.count;
  }

  /** In place of those that were in flight before. A rollout that was sealed meanwhile is not told twice. */
  setInFlight(columns: RolloutColumns): void {
    this.#drop();
    this.#add(columns, (id) => this.place(id) === -1);
  }

  place(id: string): number {
    return this.#places.get(id) ?? -1;
  }

  taskName(row: number): string {
    return this.tasks[this.task[row]!] ?? '';
  }

  flagsOf(row: number): string[] {
    const bits = this.flags[row]!;
    return bits === 0 ? [] : this.flagNames.filter((_, bit) => (bits & (1 << bit)) !== 0);
  }

  #drop(): void {
    for (let row = this.sealed; row < this.count; row++) this.#places.delete(this.ids[row]!);
    this.ids.length = this.sealed;
    this.count = this.sealed;
  }

  #add(columns: RolloutColumns, wanted: (id: string) => boolean = () => true): void {
    const { count } = columns;
    if (count === 0) return;
    const ids = columns.ids.split('\n');
    const kept = Array.from({ length: count }, (_, i) => i).filter((i) => wanted(ids[i]!));
    const all = kept.length === count;
    const from = this.count;
    const tasks = Uint32Array.from(columns.tasks, (name) => this.#taskPlace(name));
    const bits = columns.flagNames.map((name) => this.#flagBit(name));
    const same = bits.every((bit, place) => bit === place);
    this.task = grown(this.task, from, kept.length);
    this.flags = grown(this.flags, from, kept.length);
    for (const name of NUMBERS) {
      const target = (this.numbers[name] = grown(this.numbers[name], from, kept.length));
      if (all) target.set(columns[name], from);
      else kept.forEach((i, place) => (target[from + place] = columns[name][i]!));
    }
    for (const name of CODES) {
      const target = (this.codes[name] = grown(this.codes[name], from, kept.length));
      if (all) target.set(columns[name], from);
      else kept.forEach((i, place) => (target[from + place] = columns[name][i]!));
    }
    for (const [place, i] of kept.entries()) {
      const row = from + place;
      this.ids.push(ids[i]!);
      this.#places.set(ids[i]!, row);
      this.task[row] = tasks[columns.task[i]!]!;
      const own = columns.flags[i]!;
      this.flags[row] = same ? own : bits.reduce((sum, bit, at) => sum | ((own >>> at) & 1 ? 1 << bit : 0), 0);
    }
    this.count = from + kept.length;
  }

  #taskPlace(name: string): number {
    const known = this.#taskPlaces.get(name);
    if (known !== undefined) return known;
    this.#taskPlaces.set(name, this.tasks.length);
    return this.tasks.push(name) - 1;
  }

  #flagBit(name: string): number {
    const known = this.flagNames.indexOf(name);
    return known === -1 ? Math.min(this.flagNames.push(name) - 1, 31) : known;
  }
}

type Grows = Float64Array | Uint32Array | Uint8Array;

function grown<A extends Grows>(array: A, count: number, more: number): A {
  if (array.length >= count + more) return array;
  const larger = new (array.constructor as new (length: number) => A)(count === 0 ? more : Math.max(count + more, count * 2));
  larger.set(array.subarray(0, count) as never);
  return larger;
}
