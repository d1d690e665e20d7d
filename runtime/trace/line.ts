import { crc32 } from 'node:zlib';

/**
 * Lines of JSON with a checksum of their own, `{…,"crc":123}`: the index and the journal. Any JSON tool reads them, and a
 * flipped bit or a torn tail shows.
 */
const MARK = ',"crc":';
/** `,"crc":4294967295}` and the line feed. */
export const CHECKSUM_BYTES = MARK.length + 12;

export function checkedLine(json: string): string {
  const body = json.slice(0, -1);
  return `${body}${MARK}${crc32(body)}}\n`;
}

/** The value of one line (without its line feed), or what is wrong with it. */
export function readLine(line: Buffer): { value: unknown } | { cause: string } {
  const mark = line.lastIndexOf(MARK);
  if (mark < 1 || line.length - mark > CHECKSUM_BYTES) return { cause: 'the line has no checksum' };
  const sum = line.toString('latin1', mark + MARK.length, line.length - 1);
  if (line[line.length - 1] !== 0x7d || !/^\d{1,10}$/.test(sum) || crc32(line.subarray(0, mark)) !== Number(sum)) {
    return { cause: 'its checksum does not fit: the line was changed or damaged' };
  }
  try {
    return { value: JSON.parse(`${line.toString('utf8', 0, mark)}}`) };
  } catch (error) {
    return { cause: (error as Error).message };
  }
}

/** Whole lines of a buffer: what stands behind the last line feed is torn, or still being written. */
export function* lines(bytes: Buffer): Generator<{ line: Buffer; start: number; end: number }> {
  let start = 0;
  for (;;) {
    const feed = bytes.indexOf(0x0a, start);
    if (feed < 0) return;
    yield { line: bytes.subarray(start, feed), start, end: feed + 1 };
    start = feed + 1;
  }
}
