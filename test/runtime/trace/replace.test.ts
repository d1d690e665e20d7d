import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isInUse, patientRename, replaceFile } from '../../../runtime/trace/replace.ts';
import { folder } from './samples.ts';

function refusing(times: number, code: string): { tries(): number; move(): Promise<void> } {
  let tries = 0;
  return { tries: () => tries, move: async () => { if (tries++ < times) throw Object.assign(new Error(code), { code }); } };
}

test('a file is replaced, and nothing else is left', async (context) => {
  const dir = await folder(context);
  await writeFile(join(dir, 'a.json'), 'before');
  await replaceFile(join(dir, 'a.json'), 'now');
  assert.equal(await readFile(join(dir, 'a.json'), 'utf8'), 'now');
  assert.deepEqual(await readdir(dir), ['a.json']);
});

test('what somebody reads just now is tried again on Windows, and there alone', async () => {
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const busy = refusing(3, code);
    await patientRename('a', 'b', busy.move, 'win32');
    assert.equal(busy.tries(), 4);
  }
  const elsewhere = refusing(3, 'EPERM');
  await assert.rejects(patientRename('a', 'b', elsewhere.move, 'linux'), { code: 'EPERM' });
  assert.equal(elsewhere.tries(), 1);
});

test('other faults, and one that does not pass, are told', async () => {
  const missing = refusing(1, 'ENOENT');
  await assert.rejects(patientRename('a', 'b', missing.move, 'win32'), { code: 'ENOENT' });
  assert.equal(missing.tries(), 1);
  await assert.rejects(patientRename('a', 'b', refusing(1_000, 'EPERM').move, 'win32'), { code: 'EPERM' });
  assert.equal(isInUse(Object.assign(new Error(), { code: 'EBUSY' }), 'win32'), true);
  assert.equal(isInUse(new Error('no code'), 'win32'), false);
});
