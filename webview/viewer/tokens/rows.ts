/** Lays a timeline out in rows of cells, as typed arrays: a hundred thousand tokens in some tens of milliseconds. */
import type { Timeline } from '../../../runtime/protocol/viewer.ts';
import type { Block } from './blocks.ts';
import { measureOf, type Measure } from './cells.ts';

export const ROW = { text: 0, head: 1, gap: 2 } as const;

export interface Rows {
  count: number;
  kind: Uint8Array;
  /** The first token of a row of text; the block of a head. */
  token: Uint32Array;
  /** Pieces of that token that stand in rows before. */
  piece: Uint16Array;
  /** Of each token, where it begins. */
  row: Uint32Array;
  column: Uint16Array;
  columns: number;
}

class Builder {
  kind = new Uint8Array(1024);
  token = new Uint32Array(1024);
  piece = new Uint16Array(1024);
  count = 0;

  add(kind: number, token: number, piece = 0): void {
    if (this.count === this.kind.length) {
      this.kind = doubled(this.kind);
      this.token = doubled(this.token);
      this.piece = doubled(this.piece);
    }
    this.kind[this.count] = kind;
    this.token[this.count] = token;
    this.piece[this.count] = piece;
    this.count++;
  }
}

function doubled<A extends Uint8Array | Uint16Array | Uint32Array>(array: A): A {
  const larger = new (array.constructor as new (length: number) => A)(array.length * 2);
  larger.set(array as never);
  return larger;
}

export function layOut(timeline: Timeline, blocks: readonly Block[], columns: number): Rows {
  const rows = new Builder();
  const row = new Uint32Array(timeline.count);
  const column = new Uint16Array(timeline.count);
  const measure = measureOf(timeline);
  for (const [place, block] of blocks.entries()) {
    if (!block.continues) {
      if (place > 0) rows.add(ROW.gap, place);
      rows.add(ROW.head, place);
    }
    layOutBlock(timeline, measure, block, columns, rows, row, column);
  }
  const { count } = rows;
  return { count, kind: rows.kind.subarray(0, count), token: rows.token.subarray(0, count), piece: rows.piece.subarray(0, count), row, column, columns };
}

/** A row ends at a newline, or where the next token has no place; a word is kept whole if a row can hold it. */
function layOutBlock({ text, start }: Timeline, measure: Measure, block: Block, columns: number, rows: Builder, row: Uint32Array, column: Uint16Array): void {
  let x = 0;
  let open = false;
  /** Where the row may be broken: a token of it that begins with a space. */
  let wordAt = -1;
  let wordX = 0;
  const begin = (token: number, piece = 0): void => {
    rows.add(ROW.text, token, piece);
    x = 0;
    open = true;
    wordAt = -1;
  };
  for (let token = block.from; token < block.to; token++) {
    if (!open) begin(token);
    const cells = measure.plain(token);
    if (cells >= 0 && cells <= columns) {
      const spaced = start[token]! < start[token + 1]! && text.charCodeAt(start[token]!) === 0x20;
      if (x + cells > columns) {
        if (!spaced && wordAt > 0 && wordX > columns >> 1) {
          const moved = wordAt;
          const shift = wordX;
          const before = x;
          begin(moved);
          for (let i = moved; i < token; i++) {
            row[i] = rows.count - 1;
            column[i]! -= shift;
          }
          x = before - shift;
        } else begin(token);
      }
      if (spaced && x > 0) {
        wordAt = token;
        wordX = x;
      }
      row[token] = rows.count - 1;
      column[token] = x;
      x += cells;
      continue;
    }
    const pieces = measure.pieces(token);
    // A token that fits a row stands in one, up to its newline.
    let width = 0;
    for (const piece of pieces) {
      width += piece.cells;
      if (piece.kind === 'break') break;
    }
    if (x > 0 && x + width > columns && !(pieces[0]!.kind === 'break')) begin(token);
    row[token] = rows.count - 1;
    column[token] = x;
    for (const [place, piece] of pieces.entries()) {
      if (!open) begin(token, place);
      else if (x > 0 && place > 0 && x + piece.cells > columns && piece.kind !== 'break') begin(token, place);
      x += piece.cells;
      if (piece.kind === 'break') open = false;
    }
    wordAt = -1;
  }
}

/** The row a token begins in, and the one its last piece stands in. */
export function lastRowOf(rows: Rows, token: number): number {
  let last = rows.row[token]!;
  while (last + 1 < rows.count && rows.kind[last + 1] === ROW.text && rows.token[last + 1] === token && rows.piece[last + 1]! > 0) last++;
  return last;
}

/** First token after a row of text. A row that goes on in the next one ends with the same token. */
export function endOf(rows: Rows, row: number, block: Block): number {
  if (row + 1 >= rows.count || rows.kind[row + 1] !== ROW.text) return block.to;
  return rows.piece[row + 1]! > 0 ? rows.token[row + 1]! + 1 : rows.token[row + 1]!;
}
