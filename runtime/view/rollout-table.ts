/** The rows of a run as typed arrays that grow: sealed rollouts first, then those in flight. */
import type { RolloutColumns } from '../protocol/viewer.ts';

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
  /** Each the roles of a rollout, `\n` between. */
  roles: string[] = [];
  flagNames: string[] = [];
  task = new Uint32Array(0);
  role = new Uint32Array(0);
  flags = new Uint32Array(0);
  readonly numbers = Object.fromEntries(NUMBERS.map((name) => [name, new Float64Array(0)])) as Record<NumberColumn, Float64Array>;
  readonly codes = Object.fromEntries(CODES.map((name) => [name, new Uint8Array(0)])) as Record<CodeColumn, Uint8Array>;
  readonly #places = new Map<string, number>();
  #indexed = 0;
  readonly #taskPlaces = new Map<string, number>();
  readonly #rolePlaces = new Map<string, number>();

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
    // Written down when it is first asked for: to show rows, nobody asks.
    for (; this.#indexed < this.count; this.#indexed++) this.#places.set(this.ids[this.#indexed]!, this.#indexed);
    return this.#places.get(id) ?? -1;
  }

  taskName(row: number): string {
    return this.tasks[this.task[row]!] ?? '';
  }

  /** Of its calls, in the order they came. */
  rolesOf(row: number): string[] {
    const roles = this.roles[this.role[row]!] ?? '';
    return roles === '' ? [] : roles.split('\n');
  }

  flagsOf(row: number): string[] {
    const bits = this.flags[row]!;
    return bits === 0 ? [] : this.flagNames.filter((_, bit) => (bits & (1 << bit)) !== 0);
  }

  #drop(): void {
    for (let row = this.sealed; row < this.#indexed; row++) this.#places.delete(this.ids[row]!);
    this.#indexed = Math.min(this.#indexed, this.sealed);
    this.ids.length = this.sealed;
    this.count = this.sealed;
  }

  #add(columns: RolloutColumns, wanted?: (id: string) => boolean): void {
    if (columns.count === 0) return;
    const ids = columns.ids.split('\n');
    const kept = wanted === undefined ? undefined : ids.flatMap((id, i) => (wanted(id) ? [i] : []));
    const more = kept?.length ?? columns.count;
    const from = this.count;
    const put = <A extends Grows>(target: A, source: ArrayLike<number>): A => {
      const larger = grown(target, from, more);
      if (kept === undefined) larger.set(source as never, from);
      else kept.forEach((i, place) => (larger[from + place] = source[i]!));
      return larger;
    };
    const tasks = columns.tasks.map((name) => placeIn(this.tasks, this.#taskPlaces, name));
    const roles = columns.roles.map((name) => placeIn(this.roles, this.#rolePlaces, name));
    const bits = columns.flagNames.map((name) => this.#flagBit(name));
    const translated = (flags: number): number => bits.reduce((sum, bit, at) => sum | ((flags >>> at) & 1 ? 1 << bit : 0), 0);
    for (const name of NUMBERS) this.numbers[name] = put(this.numbers[name], columns[name]);
    for (const name of CODES) this.codes[name] = put(this.codes[name], columns[name]);
    this.task = put(this.task, columns.task.map((task) => tasks[task]!));
    this.role = put(this.role, columns.role.map((role) => roles[role]!));
    this.flags = put(this.flags, bits.every((bit, place) => bit === place) ? columns.flags : columns.flags.map(translated));
    this.ids = this.ids.concat(kept === undefined ? ids : kept.map((i) => ids[i]!));
    this.count = from + more;
  }

  #flagBit(name: string): number {
    const known = this.flagNames.indexOf(name);
    return known === -1 ? Math.min(this.flagNames.push(name) - 1, 31) : known;
  }
}

/** Written down where it is new. */
function placeIn(names: string[], places: Map<string, number>, name: string): number {
  const known = places.get(name);
  if (known !== undefined) return known;
  places.set(name, names.length);
  return names.push(name) - 1;
}

type Grows = Float64Array | Uint32Array | Uint8Array;

function grown<A extends Grows>(array: A, count: number, more: number): A {
  if (array.length >= count + more) return array;
  const larger = new (array.constructor as new (length: number) => A)(count === 0 ? more : Math.max(count + more, count * 2));
  larger.set(array.subarray(0, count) as never);
  return larger;
}
