import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import type { TuningForkError } from '../protocol/errors.ts';
import type { IndexEntry } from '../protocol/trace.ts';
import { decodeBlocks } from './block.ts';
import { Columns } from './columns.ts';
import { decodeRollout } from './decode.ts';
import { readEntry, summarize } from './entry.ts';
import { damaged, fileError, isMissing } from './errors.ts';
import { TRACES, traceFiles } from './layout.ts';
import type { TraceFile } from './layout.ts';
import { lines } from './line.ts';
import { readRange, scan } from './member.ts';

/** How far one trace file is known. */
export interface Series {
  file: TraceFile;
  /** Entries of it in the catalog, and the place of the first. */
  first: number;
  count: number;
  /** Bytes of the index that were read, of the columns that are good, of the members that are accounted for. */
  indexEnd: number;
  columnsEnd: number;
  /** Entries that stand in the columns. */
  columnsCount: number;
  end: number;
  /** The index differs from what the members say: the next writer writes it anew. */
  stale: boolean;
}

/**
 * The index of a run, all its trace files together. What the index lacks is found by scanning the members; what it has in
 * excess is left out. Reads only: repairs are the next writer's.
 */
export class Catalog {
  readonly columns = new Columns();
  readonly problems: TuningForkError[] = [];
  readonly series: Series[] = [];
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<Catalog> {
    const catalog = new Catalog(dir);
    for (const file of await catalog.#files()) await catalog.#add(file);
    return catalog;
  }

  /** Takes what was sealed since; returns how many rollouts that are. */
  async refresh(): Promise<number> {
    const before = this.columns.count;
    const last = this.series.at(-1);
    // Listed first: where there is a next file now, the last one is complete.
    const files = await this.#files();
    if (last) await this.#read(last, false);
    for (const file of files) {
      if (!last || file.n > last.file.n) await this.#add(file);
    }
    return this.columns.count - before;
  }

  async #files(): Promise<TraceFile[]> {
    try {
      return traceFiles(this.#dir, await readdir(join(this.#dir, TRACES)));
    } catch (error) {
      if (isMissing(error)) return [];
      throw fileError('read', join(this.#dir, TRACES), error);
    }
  }

  async #add(file: TraceFile): Promise<void> {
    const series: Series = { file, first: this.columns.count, count: 0, indexEnd: 0, columnsEnd: 0, columnsCount: 0, end: 0, stale: false };
    this.series.push(series);
    await this.#read(series, true);
  }

  async #read(series: Series, whole: boolean): Promise<void> {
    const { file } = series;
    try {
      // In this order: the columns never reach beyond the index, nor the index beyond the members.
      const blocks = whole ? await readWhole(file.columns) : undefined;
      const index = await openIfThere(file.index);
      let members: FileHandle | undefined;
      try {
        members = await open(file.members);
        const indexSize = index ? (await index.stat()).size : 0;
        if (blocks) this.#takeBlocks(series, blocks, indexSize, (await members.stat()).size);
        const rest = index && indexSize > series.indexEnd ? await readRange(index, series.indexEnd, indexSize - series.indexEnd) : undefined;
        if (rest) await this.#takeLines(series, rest, members);
        if (whole) await this.#scan(series, members, (await members.stat()).size);
      } finally {
        await index?.close();
        await members?.close();
      }
    } catch (error) {
      throw fileError('read', file.members, error);
    }
  }

  #takeBlocks(series: Series, bytes: ArrayBuffer, indexSize: number, size: number): void {
    for (const block of decodeBlocks(bytes)) {
      const end = contiguousEnd(block.columns, series.file.n, series.end);
      if (end === undefined || end > size || !(block.indexEnd > series.indexEnd && block.indexEnd <= indexSize)) return;
      this.columns.append(block.columns);
      series.count += block.columns.count;
      series.indexEnd = block.indexEnd;
      series.columnsEnd = block.end;
      series.columnsCount = series.count;
      series.end = end;
    }
  }

  async #takeLines(series: Series, bytes: Buffer, members: FileHandle): Promise<void> {
    const start = series.indexEnd;
    const { size } = await members.stat();
    let missing = 0;
    for (const { line, end } of lines(bytes)) {
      series.indexEnd = start + end;
      const read = readEntry(line, series.file.n);
      if ('cause' in read || read.value.length === 0) {
        // Nothing is lost: the member itself is scanned, when the next good line shows the gap or at the end.
        series.stale = true;
        continue;
      }
      const entry = read.value;
      if (entry.offset < series.end) continue; // found by a scan before its line was there
      if (entry.offset + entry.length > size) {
        series.stale = true;
        missing++;
        continue;
      }
      if (entry.offset > series.end) await this.#scan(series, members, entry.offset);
      this.#take(series, entry);
    }
    if (missing > 0) {
      const name = basename(series.file.members);
      this.problems.push(damaged(series.file.members, `The end (${missing} ${missing === 1 ? 'rollout' : 'rollouts'})`,
        `${name} has only ${size} bytes, fewer than its index tells`));
    }
  }

  async #scan(series: Series, members: FileHandle, to: number): Promise<void> {
    if (series.end >= to) return;
    for await (const found of scan(members, series.end, to)) {
      if ('cause' in found) {
        if (found.torn) return; // never acknowledged
        this.#lost(series, found.offset, found.length, found.cause);
      } else {
        const decoded = decodeRollout(found.text);
        if ('cause' in decoded) this.#lost(series, found.offset, found.length, decoded.cause);
        else this.#take(series, summarize(decoded.value, { file: series.file.n, offset: found.offset, length: found.length }));
      }
      series.stale = true;
      series.end = found.offset + found.length;
    }
  }

  #take(series: Series, entry: IndexEntry): void {
    this.columns.push(entry);
    series.count++;
    series.end = entry.offset + entry.length;
  }

  #lost(series: Series, offset: number, length: number, cause: string): void {
    const place = `A part behind record ${series.count} (bytes ${offset} to ${offset + length})`;
    this.problems.push(damaged(series.file.members, place, cause));
  }
}

/** The end of the last member where each follows the one before, or undefined: then the block is not believed. */
function contiguousEnd(columns: Columns, n: number, start: number): number | undefined {
  const files = columns.column('file');
  const offsets = columns.column('offset');
  const lengths = columns.column('length');
  let end = start;
  for (let i = 0; i < columns.count; i++) {
    if (files[i] !== n || offsets[i] !== end || !(lengths[i]! > 0)) return undefined;
    end += lengths[i]!;
  }
  return end;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** In memory of its own, so that numbers lie where typed arrays want them. */
async function readWhole(path: string): Promise<ArrayBuffer | undefined> {
  const handle = await openIfThere(path);
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    const memory = new ArrayBuffer(size);
    const bytes = new Uint8Array(memory);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return memory;
  } finally {
    await handle.close();
  }
}
