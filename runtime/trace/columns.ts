import type { IndexEntry } from '../protocol/trace.ts';
import { SPLITS, STATUSES } from './checks.ts';

export const NUMBER_COLUMNS = [
  'attempt', 'step', 'taskIndex', 'sample', 'reward', 'duration', 'calls', 'prompt', 'sampled', 'trained', 'file', 'offset', 'length',
] as const;
export const CODE_COLUMNS = ['split', 'status', 'success'] as const;
export const TEXT_COLUMNS = ['id', 'task', 'flags', 'roles'] as const;

export type NumberColumn = typeof NUMBER_COLUMNS[number];
export type CodeColumn = typeof CODE_COLUMNS[number];
export type TextColumn = typeof TEXT_COLUMNS[number];
export type ColumnName = NumberColumn | CodeColumn | TextColumn;
/**
 * Numbers as float64 (a missing reward is NaN), `split`, `status` and `success` as places in `SPLITS`, `STATUSES` and
 * `SUCCESSES`, flags as one text with spaces between, roles with line feeds.
 */
export type ColumnOf<K extends ColumnName> = K extends NumberColumn ? Float64Array : K extends CodeColumn ? Uint8Array : readonly string[];

export const SUCCESSES = [false, true, null] as const;

/** The index of a run in memory: one growing array a column. Appended to, never changed, so views handed out stay true. */
export class Columns {
  count = 0;
  #room = 0;
  readonly #numbers = new Map<NumberColumn, Float64Array>();
  readonly #codes = new Map<CodeColumn, Uint8Array>();
  readonly #texts = new Map<TextColumn, string[]>(TEXT_COLUMNS.map((name) => [name, []]));
  readonly #byId = new Map<string, number>();
  #indexed = 0;

  push(entry: IndexEntry): void {
    this.#grow(this.count + 1);
    const i = this.count++;
    for (const name of NUMBER_COLUMNS) this.#numbers.get(name)![i] = entry[name] ?? NaN;
    this.#codes.get('split')![i] = SPLITS.indexOf(entry.split);
    this.#codes.get('status')![i] = STATUSES.indexOf(entry.status);
    this.#codes.get('success')![i] = SUCCESSES.indexOf(entry.success);
    this.#texts.get('id')!.push(entry.id);
    this.#texts.get('task')!.push(entry.task);
    this.#texts.get('flags')!.push(entry.flags.join(' '));
    this.#texts.get('roles')!.push((entry.roles ?? []).join('\n'));
  }

  append(other: Columns): void {
    this.#grow(this.count + other.count);
    for (const name of NUMBER_COLUMNS) this.#numbers.get(name)!.set(other.column(name), this.count);
    for (const name of CODE_COLUMNS) this.#codes.get(name)!.set(other.column(name), this.count);
    for (const name of TEXT_COLUMNS) {
      const own = this.#texts.get(name)!;
      for (const text of other.column(name)) own.push(text);
    }
    this.count += other.count;
  }

  column<K extends ColumnName>(name: K, from = 0, to = this.count): ColumnOf<K> {
    const end = Math.min(to, this.count);
    const numbers = this.#numbers.get(name as NumberColumn) ?? this.#codes.get(name as CodeColumn);
    if (numbers) return numbers.subarray(from, end) as ColumnOf<K>;
    const texts = this.#texts.get(name as TextColumn);
    return (texts?.slice(from, end) ?? new (CODE_COLUMNS.includes(name as CodeColumn) ? Uint8Array : Float64Array)(0)) as ColumnOf<K>;
  }

  entry(i: number): IndexEntry {
    if (!Number.isInteger(i) || i < 0 || i >= this.count) throw new RangeError(`There is no entry ${i}: the index has ${this.count}.`);
    const number = (name: NumberColumn) => this.#numbers.get(name)![i]!;
    const text = (name: TextColumn) => this.#texts.get(name)![i]!;
    const code = (name: CodeColumn) => this.#codes.get(name)![i]!;
    const reward = number('reward');
    const flags = text('flags');
    const roles = text('roles');
    return {
      id: text('id'),
      attempt: number('attempt'),
      step: number('step'),
      split: SPLITS[code('split')]!,
      task: text('task'),
      taskIndex: number('taskIndex'),
      sample: number('sample'),
      status: STATUSES[code('status')]!,
      reward: Number.isNaN(reward) ? null : reward,
      success: SUCCESSES[code('success')]!,
      duration: number('duration'),
      flags: flags === '' ? [] : flags.split(' '),
      roles: roles === '' ? [] : roles.split('\n'),
      calls: number('calls'),
      prompt: number('prompt'),
      sampled: number('sampled'),
      trained: number('trained'),
      file: number('file'),
      offset: number('offset'),
      length: number('length'),
    };
  }

  /** Where the rollout of this id stands, the last one of it, or -1. */
  find(id: string): number {
    const ids = this.#texts.get('id')!;
    for (; this.#indexed < this.count; this.#indexed++) this.#byId.set(ids[this.#indexed]!, this.#indexed);
    return this.#byId.get(id) ?? -1;
  }

  #grow(count: number): void {
    if (count <= this.#room) return;
    this.#room = Math.max(count, this.#room * 2, 64);
    for (const name of NUMBER_COLUMNS) {
      const larger = new Float64Array(this.#room);
      larger.set(this.column(name));
      this.#numbers.set(name, larger);
    }
    for (const name of CODE_COLUMNS) {
      const larger = new Uint8Array(this.#room);
      larger.set(this.column(name));
      this.#codes.set(name, larger);
    }
  }

  /** Columns over memory that came from a block; `texts` in the order of `TEXT_COLUMNS`. */
  static over(count: number, numbers: readonly Float64Array[], codes: readonly Uint8Array[], texts: readonly string[][]): Columns {
    const columns = new Columns();
    columns.count = count;
    columns.#room = count;
    NUMBER_COLUMNS.forEach((name, i) => columns.#numbers.set(name, numbers[i]!));
    CODE_COLUMNS.forEach((name, i) => columns.#codes.set(name, codes[i]!));
    TEXT_COLUMNS.forEach((name, i) => columns.#texts.set(name, texts[i]!));
    return columns;
  }
}
