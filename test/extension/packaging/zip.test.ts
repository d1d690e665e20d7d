import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32, inflateRawSync } from 'node:zlib';
import { writeZip } from '../../../extension/packaging/zip.ts';

test('a zip tells names, modes and contents, and is the same each time', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'zip-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const entries = [
    { name: 'extension/readme 你好.md', content: () => Buffer.from('# Hello\n') },
    { name: 'extension/bin/run', content: () => Buffer.alloc(100_000, 'a'), executable: true },
    { name: 'extension/empty', content: () => Buffer.alloc(0) },
  ];
  const bytes = await writeZip(join(dir, 'a.zip'), entries);
  await writeZip(join(dir, 'b.zip'), entries);
  const zip = readFileSync(join(dir, 'a.zip'));
  assert.equal(bytes, zip.length);
  assert.ok(zip.equals(readFileSync(join(dir, 'b.zip'))));
  assert.deepEqual(read(zip), [
    { name: 'extension/readme 你好.md', mode: 0o100644, text: '# Hello\n' },
    { name: 'extension/bin/run', mode: 0o100755, text: 'a'.repeat(100_000) },
    { name: 'extension/empty', mode: 0o100644, text: '' },
  ]);
});

/** By the directory at its end, as every reader of zips does. */
function read(zip: Buffer): { name: string; mode: number; text: string }[] {
  const end = zip.length - 22;
  assert.equal(zip.readUInt32LE(end), 0x06054b50);
  let at = zip.readUInt32LE(end + 16);
  return Array.from({ length: zip.readUInt16LE(end + 10) }, () => {
    assert.equal(zip.readUInt32LE(at), 0x02014b50);
    const [crc, packed, size, length] = [zip.readUInt32LE(at + 16), zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24), zip.readUInt16LE(at + 28)];
    const [mode, place] = [zip.readUInt32LE(at + 38) >>> 16, zip.readUInt32LE(at + 42)];
    const name = zip.toString('utf8', at + 46, at + 46 + length);
    assert.equal(zip.readUInt32LE(place), 0x04034b50);
    const start = place + 30 + zip.readUInt16LE(place + 26);
    const content = inflateRawSync(zip.subarray(start, start + packed));
    assert.equal(content.length, size);
    assert.equal(crc32(content), crc);
    at += 46 + length;
    return { name, mode, text: content.toString() };
  });
}
