import { join } from 'node:path';

/** `runs/<project>/<experiment>/<time>/`: where each thing of a run lies. */
export const RUN_FILE = 'run.json';
export const METRICS_FILE = 'metrics.jsonl';
/** Of a training: the advantage of each rollout it learned from, a line a step. */
export const ADVANTAGES_FILE = 'advantages.jsonl';
export const TRACES = 'traces';
export const JOURNAL = 'journal';
export const LOG = 'log';

/** A trace file is followed by the next one before it grows over this. */
export const MAX_TRACE_FILE = 256 * 1024 * 1024;
/** Largest record, as text. Also what an inflated member may reach before it is refused as hostile. */
export const MAX_RECORD = 256 * 1024 * 1024;
/** Longest line of the index, its line feed included. */
export const MAX_INDEX_LINE = 512;

/** The three files of one series of members: `traces/<writer>-<n>`. Numbers are unique in a run, whoever writes. */
export interface TraceFile {
  n: number;
  members: string;
  index: string;
  columns: string;
}

export function traceFile(dir: string, writer: string, n: number): TraceFile {
  const base = join(dir, TRACES, `${writer}-${n}`);
  return { n, members: `${base}.jsonl.gz`, index: `${base}.idx`, columns: `${base}.cols` };
}

/** Trace files among the names of a `traces` folder, by number. An index without its members is none. */
export function traceFiles(dir: string, names: readonly string[]): TraceFile[] {
  const files: TraceFile[] = [];
  for (const name of names) {
    const match = /^(.+)-(\d{1,9})\.jsonl\.gz$/.exec(name);
    if (match) files.push(traceFile(dir, match[1]!, Number(match[2])));
  }
  return files.sort((a, b) => a.n - b.n);
}

export function journalFile(dir: string, n: number): string {
  return join(dir, JOURNAL, `calls-${n}.jsonl`);
}

/** Numbers of the journal's segments, oldest first. There are two only while one replaces the other. */
export function journalNumbers(names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const match = /^calls-(\d{1,9})\.jsonl$/.exec(name);
    return match ? [Number(match[1])] : [];
  }).sort((a, b) => a - b);
}

/** A name of a project or an experiment as a folder name that every system takes. */
export function safeName(name: string): string {
  const safe = name.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80).replace(/^[.-]+|[.-]+$/g, '');
  // Windows keeps the names of its devices for itself, with any ending.
  return safe === '' ? 'default' : safe.replace(/^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i, '$1_');
}

/** `2026-11-20_09-05-12`, local time: sorts as it reads, and has no colon (Windows). */
export function timeName(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    + `_${two(date.getHours())}-${two(date.getMinutes())}-${two(date.getSeconds())}`;
}
