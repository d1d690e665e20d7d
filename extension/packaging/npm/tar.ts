/** Writes an archive as npm reads it: names below `package/`, gzip. The same entries give the same bytes. */
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Entry } from '../zip.ts';

const BLOCK = 512;
/** What npm itself gives every file. */
const DATE = Date.UTC(1985, 9, 26, 8, 15) / 1000;

/** @returns the bytes written. */
export async function writeTar(path: string, entries: readonly Entry[]): Promise<number> {
  await pipeline(Readable.from(blocks(entries)), createGzip(), createWriteStream(path));
  return (await stat(path)).size;
}

async function* blocks(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  for (const { name, content, executable = false } of entries) {
    const raw = await content();
    yield header(`package/${name}`, raw.length, executable ? 0o755 : 0o644);
    yield raw;
    yield Buffer.alloc((BLOCK - (raw.length % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header(name: string, size: number, mode: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  // A long name has its first folders in a field of their own.
  const cut = name.length <= 100 ? -1 : name.indexOf('/', name.length - 101);
  const [folders, rest] = [name.slice(0, Math.max(cut, 0)), name.slice(cut + 1)];
  if (!/^[\x20-\x7e]*$/.test(name) || rest.length > 100 || folders.length > 155) throw new Error(`An archive can't hold the name ${name}.`);
  const octal = (value: number, at: number, length: number): void => void block.write(value.toString(8).padStart(length - 1, '0'), at);
  block.write(rest, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(DATE, 136, 12);
  block.fill(' ', 148, 156);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(folders, 345);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return block;
}
