import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { TuningForkError } from '../protocol/errors.ts';
import type { IndexEntry } from '../protocol/trace.ts';
import { fileError } from './errors.ts';
import type { RunReader } from './reader.ts';

export type ExportFormat = 'jsonl' | 'csv';

export interface Exported {
  rollouts: number;
  /** Records that could not be read, and so are not in there. */
  problems: TuningForkError[];
}

const CSV_COLUMNS = [
  'id', 'attempt', 'step', 'split', 'task', 'taskIndex', 'sample', 'status', 'reward', 'success', 'duration', 'calls', 'prompt', 'sampled',
  'trained', 'flags',
] as const satisfies readonly (keyof IndexEntry)[];

/** `jsonl`: every record whole. `csv`: one row a rollout, what the index has. One record in memory at a time. */
export async function exportRun(reader: RunReader, format: ExportFormat, out: string | Writable): Promise<Exported> {
  const exported: Exported = { rollouts: 0, problems: [] };
  const source = Readable.from(format === 'csv' ? csv(reader, exported) : jsonl(reader, exported));
  if (typeof out !== 'string') {
    await pipeline(source, out);
    return exported;
  }
  const part = `${out}.part`;
  try {
    await pipeline(source, createWriteStream(part));
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true });
    throw fileError('write', out, error);
  }
  return exported;
}

async function* jsonl(reader: RunReader, exported: Exported): AsyncGenerator<string> {
  for (let i = 0; i < reader.count; i++) {
    let line: string;
    try {
      line = await reader.line(i);
    } catch (error) {
      if (!(error instanceof TuningForkError)) throw error;
      exported.problems.push(error);
      continue;
    }
    exported.rollouts++;
    yield `${line}\n`;
  }
}

function* csv(reader: RunReader, exported: Exported): Generator<string> {
  yield `${CSV_COLUMNS.join(',')}\r\n`;
  for (let i = 0; i < reader.count; i++) {
    const entry = reader.entry(i);
    exported.rollouts++;
    yield `${CSV_COLUMNS.map((name) => cell(entry[name])).join(',')}\r\n`;
  }
}

function cell(value: IndexEntry[keyof IndexEntry]): string {
  const text = value === null ? '' : Array.isArray(value) ? value.join(' ') : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
