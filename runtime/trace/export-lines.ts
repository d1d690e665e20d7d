/** Tables as lines of text: JSON, or CSV as RFC 4180 has it. */
import type { Cell, Column, Kind, Rows } from './export-tables.ts';
import { shortestDouble } from './float32.ts';

/** Makes a file of the rows that come; what it returns is written in this order. */
export interface Encoder {
  /** Rows that it is given at once: what is in memory, and for how long nothing else runs. */
  readonly rowsAtOnce: number;
  head(): string | Uint8Array;
  rows(rows: Rows): string | Uint8Array;
  tail(): string | Uint8Array;
}

const LINES_AT_ONCE = 2_048;

export function jsonLines(columns: readonly Column[]): Encoder {
  const keys = columns.map(({ name }, at) => `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  const writers = columns.map(({ kind }) => cellWriter(kind, (cell) => (cell instanceof Uint8Array ? `"${hex(cell)}"` : JSON.stringify(cell))));
  return { rowsAtOnce: LINES_AT_ONCE, head: () => '', rows: (rows) => lines(rows, keys, writers, '}\n'), tail: () => '' };
}

/**
 * What a model or a tool wrote is a JSON string in a column `…_json`: it reads back exactly, takes one line, and begins with a quote, so that
 * no spreadsheet takes it for a formula. Names that look like one get an apostrophe. A missing value is an empty cell.
 */
export function csv(columns: readonly Column[]): Encoder {
  const commas = columns.map((_, at) => (at === 0 ? '' : ','));
  const writers = columns.map(({ kind }) => cellWriter(kind, (cell) => csvCell(cell, kind)));
  return {
    rowsAtOnce: LINES_AT_ONCE,
    head: () => `${columns.map(({ name, kind }) => (kind === 'said' ? `${name}_json` : name)).join(',')}\r\n`,
    rows: (rows) => lines(rows, commas, writers, '\r\n'),
    tail: () => '',
  };
}

function csvCell(cell: Exclude<Cell, number>, kind: Kind): string {
  if (cell === null) return '';
  if (cell instanceof Uint8Array) return hex(cell);
  if (typeof cell === 'boolean') return String(cell);
  const text = kind === 'said' ? JSON.stringify(cell) : /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type CellWriter = (cell: Cell) => string;

/** Neighbours in a column are often the same. */
function cellWriter(kind: Kind, write: (cell: Exclude<Cell, number>) => string): CellWriter {
  let last: Cell = null;
  let written = write(null);
  return (cell) => {
    if (typeof cell === 'number') return String(kind === 'float' ? shortestDouble(cell) : cell);
    if (cell === last) return written;
    last = cell;
    return (written = write(cell));
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

function lines(rows: Rows, before: readonly string[], writers: readonly CellWriter[], end: string): string {
  let text = '';
  for (let row = 0; row < rows[0]!.length; row++) {
    for (let at = 0; at < writers.length; at++) text += before[at]! + writers[at]!(rows[at]![row]!);
    text += end;
  }
  return text;
}
