import { crc32 } from 'node:zlib';
import { CODE_COLUMNS, Columns, NUMBER_COLUMNS, SUCCESSES, TEXT_COLUMNS } from './columns.ts';
import { SPLITS, STATUSES } from './checks.ts';

/**
 * The binary twin of the index, `traces/<writer>-<n>.cols`: blocks of columns, each with a checksum, that say up to which byte
 * of the index they reach. Only there to open a long run fast: without it, or behind its end, the index is read line by line.
 * Little-endian; on a machine that is not, the magic differs and the index is read.
 */
const MAGIC = 0x31434654; // "TFC1"
const HEADER_BYTES = 32;

export interface Block {
  columns: Columns;
  /** The byte of the index behind the last line that is in here. */
  indexEnd: number;
}

export function encodeBlock({ columns, indexEnd }: Block): Buffer {
  const text = Buffer.from(JSON.stringify(TEXT_COLUMNS.map((name) => columns.column(name))));
  const payload = payloadBytes(columns.count, text.length);
  const block = Buffer.alloc(HEADER_BYTES + payload);
  block.writeUInt32LE(columns.count, 4);
  block.writeUInt32LE(text.length, 8);
  block.writeDoubleLE(indexEnd, 16);
  let at = HEADER_BYTES;
  for (const name of NUMBER_COLUMNS) at += copyInto(block, at, columns.column(name));
  for (const name of CODE_COLUMNS) at += copyInto(block, at, columns.column(name));
  text.copy(block, at);
  new Uint32Array(block.buffer, block.byteOffset, 1)[0] = MAGIC;
  block.writeUInt32LE(checksum(block), 24);
  return block;
}

/** Blocks from the start of the file up to the first that is torn, damaged or not ours; `end`: the byte behind the last good one. */
export function* decodeBlocks(file: ArrayBuffer): Generator<Block & { end: number }> {
  const bytes = Buffer.from(file);
  for (let start = 0; start + HEADER_BYTES <= bytes.length;) {
    const count = bytes.readUInt32LE(start + 4);
    const textBytes = bytes.readUInt32LE(start + 8);
    const end = start + HEADER_BYTES + payloadBytes(count, textBytes);
    if (new Uint32Array(file, start, 1)[0] !== MAGIC || end > bytes.length) return;
    if (checksum(bytes.subarray(start, end)) !== bytes.readUInt32LE(start + 24)) return;
    let at = start + HEADER_BYTES;
    const numbers = NUMBER_COLUMNS.map(() => {
      const column = new Float64Array(file, at, count);
      at += column.byteLength;
      return column;
    });
    const codes = CODE_COLUMNS.map(() => {
      const column = new Uint8Array(file, at, count);
      at += count;
      return column;
    });
    const texts = readTexts(bytes.toString('utf8', at, at + textBytes), count);
    if (!texts || !codesFit(codes)) return;
    yield { columns: Columns.over(count, numbers, codes, texts), indexEnd: bytes.readDoubleLE(start + 16), end };
    start = end;
  }
}

function checksum(block: Buffer): number {
  return crc32(block.subarray(HEADER_BYTES), crc32(block.subarray(0, 24)));
}

function payloadBytes(count: number, textBytes: number): number {
  const bytes = count * (NUMBER_COLUMNS.length * 8 + CODE_COLUMNS.length) + textBytes;
  return Math.ceil(bytes / 8) * 8;
}

function copyInto(block: Buffer, at: number, column: Float64Array | Uint8Array): number {
  block.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
  return column.byteLength;
}

/** Of a run of before the last column is missing: it is as if nothing stood there. */
function readTexts(json: string, count: number): string[][] | undefined {
  try {
    const texts = JSON.parse(json) as unknown;
    const whole = Array.isArray(texts) && (texts.length === TEXT_COLUMNS.length || texts.length === TEXT_COLUMNS.length - 1)
      && texts.every((column) => Array.isArray(column) && column.length === count && column.every((text) => typeof text === 'string'));
    return whole ? TEXT_COLUMNS.map((_, i) => texts[i] as string[] | undefined ?? Array.from({ length: count }, () => '')) : undefined;
  } catch {
    return undefined;
  }
}

function codesFit(codes: readonly Uint8Array[]): boolean {
  const kinds = [SPLITS.length, STATUSES.length, SUCCESSES.length];
  return codes.every((column, i) => column.every((code) => code < kinds[i]!));
}
