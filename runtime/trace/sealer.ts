import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import type { IndexEntry, RolloutRecord } from '../protocol/trace.ts';
import { openToAppend, writeAll } from './appender.ts';
import { encodeBlock } from './block.ts';
import type { Catalog, Series } from './catalog.ts';
import { Columns } from './columns.ts';
import { encodeEntry, summarize } from './entry.ts';
import { fileError } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { MAX_TRACE_FILE, traceFile } from './layout.ts';
import type { TraceFile } from './layout.ts';
import { replaceFile } from './replace.ts';

/** Entries that are read from the index line by line at most, because no block of columns has them yet. */
const BLOCK = 1024;

interface Sealed {
  record: RolloutRecord;
  member: Buffer;
}

/** One trace file under the pen. */
interface Pen {
  file: TraceFile;
  members: FileHandle;
  index: FileHandle;
  columns: FileHandle;
  membersEnd: number;
  indexEnd: number;
  columnsEnd: number;
  /** Entries that stand in the index and in no block yet. */
  pending: Columns;
}

/**
 * Appends sealed rollouts: first the members of a batch, then one sync for all of them, then their index lines. So what the
 * index tells is there, whenever the process or the machine stops.
 */
export class Sealer {
  readonly #dir: string;
  readonly #writer: string;
  readonly #fileBytes: number;
  readonly #sealed: GroupCommit<Sealed, IndexEntry>;
  #pen: Pen;

  private constructor(dir: string, writer: string, fileBytes: number, pen: Pen) {
    this.#dir = dir;
    this.#writer = writer;
    this.#fileBytes = fileBytes;
    this.#pen = pen;
    this.#sealed = new GroupCommit(() => this.#pen.file.members, (batch) => this.#write(batch));
  }

  /** Repairs what the catalog found: the torn tail is cut off, an index that does not fit is written anew. */
  static async open(dir: string, options: { writer?: string; fileBytes?: number }, catalog: Catalog): Promise<Sealer> {
    const { writer = 'rollouts', fileBytes = MAX_TRACE_FILE } = options;
    const last = catalog.series.at(-1);
    for (const series of catalog.series) {
      if (series.stale) await rewriteIndex(series, catalog.columns);
    }
    const pen = last ? await resume(last, catalog.columns) : await start(traceFile(dir, writer, 0));
    return new Sealer(dir, writer, fileBytes, pen);
  }

  append(record: RolloutRecord, member: Buffer): Promise<IndexEntry> {
    return this.#sealed.add({ record, member });
  }

  close(): Promise<void> {
    return this.#sealed.close(async (failed) => {
      if (!failed) await lastBlock(this.#pen);
      await closePen(this.#pen);
    });
  }

  async #write(batch: Sealed[]): Promise<IndexEntry[]> {
    const entries: IndexEntry[] = [];
    while (batch.length > 0) {
      const fitting = this.#fitting(batch);
      if (fitting === 0) await this.#nextFile();
      else entries.push(...await append(this.#pen, batch.splice(0, fitting)));
    }
    return entries;
  }

  /** How many of a batch go into the current file. A record that is too large for any has one of its own. */
  #fitting(batch: readonly Sealed[]): number {
    let end = this.#pen.membersEnd;
    const over = batch.findIndex(({ member }) => (end += member.length) > this.#fileBytes);
    return over < 0 ? batch.length : over === 0 && this.#pen.membersEnd === 0 ? 1 : over;
  }

  async #nextFile(): Promise<void> {
    const done = this.#pen;
    await lastBlock(done);
    this.#pen = await start(traceFile(this.#dir, this.#writer, done.file.n + 1));
    await closePen(done);
  }
}

async function append(pen: Pen, batch: readonly Sealed[]): Promise<IndexEntry[]> {
  const start = pen.membersEnd;
  const entries = batch.map(({ record, member }) => {
    const entry = summarize(record, { file: pen.file.n, offset: pen.membersEnd, length: member.length });
    pen.membersEnd += member.length;
    return entry;
  });
  await writeAll(pen.members, Buffer.concat(batch.map(({ member }) => member)), start);
  await pen.members.datasync();
  const lines = Buffer.from(entries.map(encodeEntry).join(''));
  await writeAll(pen.index, lines, pen.indexEnd);
  pen.indexEnd += lines.length;
  for (const entry of entries) pen.pending.push(entry);
  if (pen.pending.count >= BLOCK) await lastBlock(pen);
  return entries;
}

async function start(file: TraceFile): Promise<Pen> {
  try {
    await mkdir(dirname(file.members), { recursive: true });
    const members = await open(file.members, 'wx+');
    const index = await open(file.index, 'w+');
    const columns = await open(file.columns, 'w+');
    return { file, members, index, columns, membersEnd: 0, indexEnd: 0, columnsEnd: 0, pending: new Columns() };
  } catch (error) {
    throw fileError('create', file.members, error);
  }
}

async function resume(series: Series, all: Columns): Promise<Pen> {
  const { file, indexEnd, columnsEnd, end } = series;
  try {
    const members = await openToAppend(file.members, end);
    const index = await openToAppend(file.index, indexEnd);
    const columns = await openToAppend(file.columns, columnsEnd);
    const pending = new Columns();
    for (let i = series.first + series.columnsCount; i < series.first + series.count; i++) pending.push(all.entry(i));
    return { file, members, index, columns, membersEnd: end, indexEnd, columnsEnd, pending };
  } catch (error) {
    throw fileError('write', file.members, error);
  }
}

/** Writes the whole index of one file from what was found. */
async function rewriteIndex(series: Series, all: Columns): Promise<void> {
  const { file } = series;
  const lines: string[] = [];
  for (let i = series.first; i < series.first + series.count; i++) lines.push(encodeEntry(all.entry(i)));
  const bytes = Buffer.from(lines.join(''));
  try {
    await rm(file.columns, { force: true });
    await replaceFile(file.index, bytes);
  } catch (error) {
    throw fileError('write', file.index, error);
  }
  series.indexEnd = bytes.length;
  series.columnsEnd = 0;
  series.columnsCount = 0;
  series.stale = false;
}

async function lastBlock(pen: Pen): Promise<void> {
  if (pen.pending.count === 0) return;
  const block = encodeBlock({ columns: pen.pending, indexEnd: pen.indexEnd });
  await writeAll(pen.columns, block, pen.columnsEnd);
  pen.columnsEnd += block.length;
  pen.pending = new Columns();
}

async function closePen(pen: Pen): Promise<void> {
  await pen.members.close();
  await pen.index.close();
  await pen.columns.close();
}
