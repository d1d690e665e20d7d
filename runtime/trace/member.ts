import type { FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32, gunzip, gzip, inflateRawSync } from 'node:zlib';
import { MAX_RECORD } from './layout.ts';

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** What every member starts with: gzip, deflate, no optional fields. */
const MAGIC = Buffer.from([0x1f, 0x8b, 0x08, 0x00]);
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

/** One line of JSON as one gzip member, made off the main thread. */
export function pack(json: string): Promise<Buffer> {
  const text = Buffer.from(`${json}\n`);
  return gzipAsync(text, { chunkSize: chunkFor(text.length / 3) });
}

/** The line in a member; throws what zlib says. */
export async function unpack(member: Buffer): Promise<string> {
  if (member.length < HEADER_BYTES + TRAILER_BYTES) throw new Error('it is too short for a gzip member');
  // The length in the trailer is a hint for the buffer, never trusted.
  const text = await gunzipAsync(member, { maxOutputLength: MAX_RECORD, chunkSize: chunkFor(member.readUInt32LE(member.length - 4)) });
  return text.toString('utf8');
}

function chunkFor(bytes: number): number {
  return Math.min(Math.max(16 * 1024, Math.ceil(bytes) + 64), 1024 * 1024);
}

/** A part of a trace file as the scan finds it: a member, or bytes that are none. `torn`: a write that did not reach its end. */
export type Found = { offset: number; length: number; text: string } | { offset: number; length: number; cause: string; torn: boolean };

const WINDOW = 8 * 1024 * 1024;
/** After so many places that looked like a member and were none, the rest is given up: a hostile file must not take forever. */
const MAX_FALSE_STARTS = 1000;

/**
 * Reads members from `from` to `to` without an index. Behind damage it looks for the next whole member. Yields the event loop
 * now and then.
 */
export async function* scan(handle: FileHandle, from: number, to: number): AsyncGenerator<Found> {
  let falseStarts = 0;
  let damage: { offset: number; cause: string; torn: boolean } | undefined;
  let offset = from;
  let window = WINDOW;
  while (offset < to) {
    const bytes = await readRange(handle, offset, Math.min(window, to - offset));
    if (bytes.length === 0) break;
    const last = offset + bytes.length >= to || bytes.length < Math.min(window, to - offset);
    let at = 0;
    let turn = performance.now();
    while (at < bytes.length) {
      const found = inflate(bytes, at);
      if ('text' in found) {
        if (damage) yield { ...damage, length: offset + at - damage.offset, torn: false };
        damage = undefined;
        yield { offset: offset + at, ...found };
        at += found.length;
      } else if (found.cut && !last && window < MAX_RECORD) {
        break;
      } else {
        damage ??= { offset: offset + at, cause: found.cause, torn: found.cut };
        const next = ++falseStarts > MAX_FALSE_STARTS ? -1 : bytes.indexOf(MAGIC, at + 1);
        // A start may lie across the end of the window.
        at = next >= 0 ? next : last || falseStarts > MAX_FALSE_STARTS ? bytes.length : Math.max(at + 1, bytes.length - MAGIC.length + 1);
      }
      if (performance.now() - turn > 20) {
        await nextTurn();
        turn = performance.now();
      }
    }
    if (falseStarts > MAX_FALSE_STARTS) break;
    window = at === 0 ? window * 2 : WINDOW;
    offset += at;
  }
  if (damage) yield { ...damage, length: to - damage.offset };
}

/** `cut`: the bytes end before the member does. */
function inflate(bytes: Buffer, at: number): { text: string; length: number } | { cause: string; cut: boolean } {
  const body = at + HEADER_BYTES;
  if (bytes.length < body) return { cause: 'it ends in the middle of a record', cut: true };
  if (bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return { cause: 'no record starts here', cut: false };
  try {
    // The types know only the buffer that comes without `info`.
    const { buffer, engine } = inflateRawSync(bytes.subarray(body), { info: true, maxOutputLength: MAX_RECORD }) as unknown as
      { buffer: Buffer; engine: { bytesWritten: number } };
    const trailer = body + engine.bytesWritten;
    if (bytes.length < trailer + TRAILER_BYTES) return { cause: 'it ends in the middle of a record', cut: true };
    if (bytes.readUInt32LE(trailer) !== crc32(buffer) || bytes.readUInt32LE(trailer + 4) !== buffer.length) {
      return { cause: 'its checksum does not fit', cut: false };
    }
    return { text: buffer.toString('utf8'), length: trailer + TRAILER_BYTES - at };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'Z_BUF_ERROR' ? { cause: 'it ends in the middle of a record', cut: true } : { cause: message, cut: false };
  }
}

/** At most `length` bytes: fewer where the file ends. */
export async function readRange(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
