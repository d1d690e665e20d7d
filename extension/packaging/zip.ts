/** Writes a zip file: names in UTF-8, Unix modes, deflate. The same entries give the same bytes. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';

export interface Entry {
  /** With forward slashes. */
  name: string;
  content(): Promise<Buffer> | Buffer;
  executable?: boolean;
}

const compress = promisify<Buffer, { level: number }, Buffer>(deflateRaw);
const UTF8 = 0x0800;
const DEFLATED = 8;
/** Midnight of 1 January 1980, the first that a zip can tell: nothing reads it. */
const DATE = 0x0021;
const MADE_ON_UNIX = (3 << 8) | 20;

/** @returns the bytes written. */
export async function writeZip(path: string, entries: readonly Entry[]): Promise<number> {
  const out = createWriteStream(path);
  const directory: Buffer[] = [];
  let offset = 0;
  const write = async (chunk: Buffer): Promise<void> => {
    offset += chunk.length;
    if (!out.write(chunk)) await once(out, 'drain');
  };
  for (const { name, content, executable = false } of entries) {
    const raw = await content();
    const packed = await compress(raw, { level: constants.Z_BEST_COMPRESSION });
    const encoded = Buffer.from(name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(UTF8, 2);
    shared.writeUInt16LE(DEFLATED, 4);
    shared.writeUInt16LE(0, 6);
    shared.writeUInt16LE(DATE, 8);
    shared.writeUInt32LE(crc32(raw), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(raw.length, 18);
    shared.writeUInt16LE(encoded.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(((executable ? 0o100755 : 0o100644) << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([signature(0x02014b50), uint16(MADE_ON_UNIX), shared, rest, encoded]));
    await write(Buffer.concat([signature(0x04034b50), shared, encoded, packed]));
  }
  const start = offset;
  await write(Buffer.concat(directory));
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(offset - start, 8);
  end.writeUInt32LE(start, 12);
  await write(Buffer.concat([signature(0x06054b50), end]));
  out.end();
  await once(out, 'close');
  return offset;
}

function signature(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}
