import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TuningForkError } from '../protocol/errors.ts';
import type { IndexEntry, RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { Catalog } from './catalog.ts';
import type { ColumnName, ColumnOf } from './columns.ts';
import { decodeRollout } from './decode.ts';
import { damaged, fileError } from './errors.ts';
import { JournalReader } from './in-flight.ts';
import type { InFlight } from './in-flight.ts';
import { MAX_RECORD } from './layout.ts';
import { readRange, unpack } from './member.ts';
import { readRunInfo } from './runs.ts';

/** Opens a run for reading, live or done. Writes nothing, holds no file open. */
export async function openRunReader(dir: string): Promise<RunReader> {
  const path = resolve(dir);
  const info = await readRunInfo(path);
  return new RunReader(path, info, await Catalog.open(path));
}

export class RunReader {
  readonly dir: string;
  readonly #catalog: Catalog;
  readonly #journal: JournalReader;
  #info: RunInfo;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dir: string, info: RunInfo, catalog: Catalog) {
    this.dir = dir;
    this.#info = info;
    this.#catalog = catalog;
    this.#journal = new JournalReader(dir);
  }

  get info(): RunInfo {
    return this.#info;
  }

  /** Sealed rollouts. Their places never change; new ones come behind. */
  get count(): number {
    return this.#catalog.columns.count;
  }

  /** What of the run's files is damaged. Everything else is readable. */
  get problems(): readonly TuningForkError[] {
    return [...this.#catalog.problems, ...this.#journal.problems];
  }

  entry(i: number): IndexEntry {
    return this.#catalog.columns.entry(i);
  }

  /** The place of a rollout, or -1. */
  find(id: string): number {
    return this.#catalog.columns.find(id);
  }

  /** One column of the index, or a range of it. A view: copy it before you change it or send it away. */
  column<K extends ColumnName>(name: K, from?: number, to?: number): ColumnOf<K> {
    return this.#catalog.columns.column(name, from, to);
  }

  /** Takes what was written since; returns how many rollouts were sealed. */
  refresh(): Promise<number> {
    return this.#inTurn(async () => {
      this.#info = await readRunInfo(this.dir);
      return this.#catalog.refresh();
    });
  }

  async read(which: number | string): Promise<RolloutRecord> {
    const { record } = await this.#load(which);
    return record;
  }

  /** The record as the file has it: one line of JSON, checked, numbers in their shortest form. */
  async line(which: number | string): Promise<string> {
    const { text } = await this.#load(which);
    return text.trimEnd();
  }

  /** Rollouts that have begun and are not sealed, with the calls they have made so far. */
  inFlight(): Promise<InFlight[]> {
    return this.#inTurn(async () => {
      // In this order: what is sealed in between is in the index then, and left out.
      await this.#journal.refresh();
      await this.#catalog.refresh();
      return this.#journal.list((id) => this.find(id) >= 0);
    });
  }

  /** Whoever reads what is new goes on where the one before has stopped. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return turn;
  }

  async #load(which: number | string): Promise<{ record: RolloutRecord; text: string }> {
    const i = typeof which === 'number' ? which : this.find(which);
    if (i < 0) throw new RangeError(`There is no rollout ${which} in run ${this.#info.run}.`);
    const entry = this.entry(i);
    const series = this.#catalog.series.find(({ file }) => file.n === entry.file)!;
    const path = series.file.members;
    const place = `Record ${i - series.first + 1} (${entry.id})`;
    const text = await unpackFrom(path, place, entry);
    const decoded = decodeRollout(text);
    if ('cause' in decoded) throw damaged(path, place, decoded.cause);
    if (decoded.value.rollout !== entry.id) {
      throw damaged(path, place, `rollout ${decoded.value.rollout} stands where the index tells of ${entry.id}`);
    }
    return { record: decoded.value, text };
  }
}

async function unpackFrom(path: string, place: string, { offset, length }: IndexEntry): Promise<string> {
  let member: Buffer;
  try {
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      if (length > MAX_RECORD || offset + length > size) throw damaged(path, place, 'the file ends before it');
      member = await readRange(handle, offset, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('read', path, error);
  }
  try {
    return await unpack(member);
  } catch (error) {
    throw damaged(path, place, `its compressed bytes are damaged (${(error as Error).message})`);
  }
}
