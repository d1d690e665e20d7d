/** A run, or some of its rollouts, as a file for other tools. One rollout is read at a time; what waits to be written is bounded. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TuningForkError } from '../protocol/errors.ts';
import { fileError, isMissing } from './errors.ts';
import { csv, jsonLines, type Encoder } from './export-lines.ts';
import { rolloutTable, tokenTable, type Cell, type Column, type Known } from './export-tables.ts';
import type { RunReader } from './reader.ts';
import { patientRename } from './replace.ts';

export const EXPORT_FORMATS = ['parquet', 'csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
/** `rollouts`: one row a rollout. `tokens`: one row a token. `records`: each rollout with everything in it, as JSON. */
export const EXPORT_TABLES = ['rollouts', 'tokens', 'records'] as const;
export type ExportTable = (typeof EXPORT_TABLES)[number];

export interface ExportOptions extends Partial<Omit<Known, 'run'>> {
  what: ExportTable;
  format: ExportFormat;
  /** Places of rollouts in the index, in the order wished; absent: all that are sealed. */
  rollouts?: readonly number[];
  /** What is there under this name is replaced. */
  overwrite?: boolean;
  /** Ends it: nothing is left of the file. */
  signal?: AbortSignal;
  /** After each rollout. */
  progress?(done: number, total: number): void;
}

export interface Exported {
  rollouts: number;
  rows: number;
  /** What of the run is damaged: rollouts that could not be read, and so are not in there, and what its files lack. */
  problems: TuningForkError[];
}

/** To a file, which is there whole or not at all, or to a stream, which it ends. */
export async function exportRun(reader: RunReader, out: string | Writable, options: ExportOptions): Promise<Exported> {
  const { format, what, signal } = options;
  if (what === 'records' && format !== 'jsonl') throw new TuningForkError('usage', `Whole records are no table, so they can't be ${format}.`, { next: 'Export them as jsonl, or export rollouts or tokens.' });
  const exported: Exported = { rollouts: 0, rows: 0, problems: [...reader.problems] };
  const source = Readable.from(what === 'records' ? records(reader, options, exported) : table(reader, options, exported), { objectMode: true, highWaterMark: 1 });
  if (typeof out !== 'string') await pipeline(source, out, { signal });
  else await writeWhole(source, out, options);
  return exported;
}

async function writeWhole(source: Readable, file: string, options: ExportOptions): Promise<void> {
  await refuseToReplace(file, options);
  const part = `${file}.${randomUUID().slice(0, 8)}.part`;
  try {
    await pipeline(source, createWriteStream(part), { signal: options.signal });
    await refuseToReplace(file, options);
    await patientRename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    options.signal?.throwIfAborted();
    throw fileError('write', file, error);
  }
}

async function refuseToReplace(file: string, { overwrite = false }: ExportOptions): Promise<void> {
  if (overwrite) return;
  try {
    await stat(file);
  } catch (error) {
    if (isMissing(error)) return;
    throw fileError('write', file, error);
  }
  throw new TuningForkError('usage', `${file} is there already.`, { next: 'Choose another name, or say that it may be replaced (--force).', where: { file } });
}

/** Each record as the store has it: one line of JSON. */
async function* records(reader: RunReader, options: ExportOptions, exported: Exported): AsyncGenerator<string> {
  for await (const line of each(reader, options, exported, (i) => reader.line(i))) {
    exported.rows++;
    yield `${line}\n`;
  }
}

async function* table(reader: RunReader, options: ExportOptions, exported: Exported): AsyncGenerator<string | Uint8Array> {
  const { what, advantages = new Map(), vocabulary } = options;
  const { columns, rowsOf } = (what === 'tokens' ? tokenTable : rolloutTable)({ run: reader.info, advantages, vocabulary });
  const encoder = await encoderFor(options, columns, reader);
  const none = (): Cell[][] => columns.map(() => []);
  let waiting = none();
  let count = 0;
  const written = (): string | Uint8Array => {
    const chunk = encoder.rows(waiting);
    exported.rows += count;
    count = 0;
    waiting = none();
    return chunk;
  };
  yield encoder.head();
  for await (const { record, entry } of each(reader, options, exported, async (i) => ({ record: await reader.read(i), entry: reader.entry(i) }))) {
    for (const row of rowsOf(record, entry)) {
      for (let at = 0; at < row.length; at++) waiting[at]!.push(row[at]!);
      count++;
      if (count >= encoder.rowsAtOnce) yield written();
    }
  }
  if (count > 0) yield written();
  yield encoder.tail();
}

async function encoderFor({ format }: ExportOptions, columns: readonly Column[], { info }: RunReader): Promise<Encoder> {
  if (format === 'csv') return csv(columns);
  if (format === 'jsonl') return jsonLines(columns);
  // Loaded by whoever wants it alone.
  const { parquet } = await import('./export-parquet.ts');
  return parquet(columns, { run: info.run, project: info.project, experiment: info.experiment, workflow: info.workflow, policy: info.policy, created: info.created });
}

/** What cannot be read is told, and does not keep the others back. */
async function* each<Read>(reader: RunReader, { rollouts, progress, signal }: ExportOptions, exported: Exported, read: (i: number) => Promise<Read>): AsyncGenerator<Read> {
  const total = rollouts?.length ?? reader.count;
  for (let at = 0; at < total; at++) {
    signal?.throwIfAborted();
    let one: Read;
    try {
      one = await read(rollouts?.[at] ?? at);
    } catch (error) {
      if (!(error instanceof TuningForkError)) throw error;
      exported.problems.push(error);
      continue;
    } finally {
      progress?.(at + 1, total);
    }
    exported.rollouts++;
    yield one;
  }
}
