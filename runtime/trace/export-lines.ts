/** Tables as lines of text: JSON, or CSV as RFC 4180 has it. */
import type { Cell, Column, Kind, Row } from './export-tables.ts';
import { shortestDouble } from './float32.ts';

/** Makes a file of the rows that come; what it returns is written in this order. */
export interface Encoder {
  head(): string | Uint8Array;
  rows(rows: readonly Row[]): string | Uint8Array;
  tail(): string | Uint8Array;
}

export function jsonLines(columns: readonly Column[]): Encoder {
  const names = columns.map(({ name }) => JSON.stringify(name));
  return {
    head: () => '',
    rows: (rows) => rows.map((row) => `{${row.map((cell, at) => `${names[at]}:${jsonOf(cell, columns[at]!.kind)}`).join(',')}}\n`).join(''),
    tail: () => '',
  };
}

function jsonOf(cell: Cell, kind: Kind): string {
  if (typeof cell === 'number') return number(cell, kind);
  return cell instanceof Uint8Array ? `"${hex(cell)}"` : JSON.stringify(cell);
}

/**
 * What a model or a tool wrote is a JSON string in a column `…_json`: it reads back exactly, takes one line, and begins with a quote, so that
 * no spreadsheet takes it for a formula. Names that look like one get an apostrophe. A missing value is an empty cell.
 */
export function csv(columns: readonly Column[]): Encoder {
  return {
    head: () => `${columns.map(({ name, kind }) => (kind === 'said' ? `${name}_json` : name)).join(',')}\r\n`,
    rows: (rows) => rows.map((row) => `${row.map((cell, at) => csvCell(cell, columns[at]!.kind)).join(',')}\r\n`).join(''),
    tail: () => '',
  };
}

function csvCell(cell: Cell, kind: Kind): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return number(cell, kind);
  if (cell instanceof Uint8Array) return hex(cell);
  if (typeof cell === 'boolean') return String(cell);
  const text = kind === 'said' ? JSON.stringify(cell) : /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function number(value: number, kind: Kind): string {
  return String(kind === 'float' ? shortestDouble(value) : value);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
