import { createReadStream } from 'node:fs';
import { TuningForkError } from '../protocol/errors.ts';

export interface Line {
  /** One-based. */
  number: number;
  bytes: Buffer;
}

/** A line longer than this is no task but a file of another kind. */
const LONGEST_LINE = 256 * 1024 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The lines of a file as bytes, their ends (LF or CRLF) and a leading BOM taken off; only one line is held at a time. */
export async function* readLines(file: string, longest = LONGEST_LINE): AsyncGenerator<Line, void, void> {
  let number = 0;
  let pieces: Buffer[] = [];
  let length = 0;
  const line = (last: Buffer): Line => {
    const whole = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    pieces = [];
    length = 0;
    number++;
    const start = number === 1 && startsWith(whole, 0xef, 0xbb, 0xbf) ? 3 : 0;
    const end = whole[whole.length - 1] === CARRIAGE_RETURN ? whole.length - 1 : whole.length;
    return { number, bytes: whole.subarray(start, end) };
  };
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
      if (number === 0 && pieces.length === 0) refuseOtherKinds(chunk, file);
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        yield line(chunk.subarray(start, end));
        start = end + 1;
      }
      if (start === chunk.length) continue;
      pieces.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > longest) throw new TuningForkError('data', `This line is longer than ${longest} bytes.`, { next: 'JSONL has one task a line.', where: { file, line: number + 1 } });
    }
    if (length > 0) yield line(Buffer.alloc(0));
  } catch (error) {
    if (error instanceof TuningForkError) throw error;
    throw new TuningForkError('data', `This file can’t be read: ${(error as Error).message}.`, { where: { file }, cause: error });
  }
}

function refuseOtherKinds(head: Buffer, file: string): void {
  const kind = startsWith(head, 0xff, 0xfe) || startsWith(head, 0xfe, 0xff) ? 'UTF-16 text'
    : startsWith(head, 0x1f, 0x8b) || startsWith(head, 0x28, 0xb5, 0x2f, 0xfd) ? 'compressed'
    : head.toString('latin1', 0, 4) === 'PAR1' ? 'Parquet'
    : undefined;
  if (kind !== undefined) throw new TuningForkError('data', `This file is ${kind}.`, { next: 'Make it JSONL: UTF-8 text, one JSON object a line.', where: { file } });
}

function startsWith(bytes: Buffer, ...head: number[]): boolean {
  return head.every((byte, i) => bytes[i] === byte);
}
