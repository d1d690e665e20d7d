import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeTar } from '../../../../extension/packaging/npm/tar.ts';

test('an archive is unpacked as it was, by others too, and is the same each time', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tar-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const long = `${'folder/'.repeat(20)}${'n'.repeat(90)}.txt`;
  const entries = [
    { name: 'bin/run', content: () => Buffer.alloc(100_000, 'a'), executable: true },
    { name: 'empty', content: () => Buffer.alloc(0) },
    { name: long, content: () => Buffer.from('b'.repeat(512)) },
  ];
  const bytes = await writeTar(join(dir, 'a.tgz'), entries);
  await writeTar(join(dir, 'b.tgz'), entries);
  const archive = readFileSync(join(dir, 'a.tgz'));
  assert.equal(bytes, archive.length);
  assert.ok(archive.equals(readFileSync(join(dir, 'b.tgz'))));
  execFileSync('tar', ['-xzf', 'a.tgz'], { cwd: dir });
  const read = (name: string): string => readFileSync(join(dir, 'package', name), 'utf8');
  assert.deepEqual([read('bin/run'), read('empty'), read(long)], ['a'.repeat(100_000), '', 'b'.repeat(512)]);
  if (process.platform !== 'win32') assert.deepEqual([statSync(join(dir, 'package/bin/run')).mode & 0o111, statSync(join(dir, 'package/empty')).mode & 0o111], [0o111, 0]);
});

test('a name that an archive can\'t hold is refused', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tar-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const name of ['项目.txt', 'n'.repeat(120)]) {
    await assert.rejects(writeTar(join(dir, 'a.tgz'), [{ name, content: () => Buffer.alloc(0) }]), /can't hold the name/);
  }
});
