import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeFolders } from '../../../runtime/trace/folders.ts';
import { folder } from './samples.ts';

test('several make the same folders, and others beside them, at once', async (context) => {
  const root = await folder(context);
  for (let round = 0; round < 50; round++) {
    const names = Array.from({ length: 8 }, (_, i) => `n${Math.floor(i / 2)}`);
    await Promise.all(names.map(async (name, i) => {
      // Each finds another part of the way made.
      for (let turn = 0; turn < i; turn++) await nextTurn();
      await makeFolders(join(root, `r${round}`, 'project', 'experiment', name));
    }));
    assert.deepEqual((await readdir(join(root, `r${round}`, 'project', 'experiment'))).sort(), [...new Set(names)]);
  }
});

test('where nothing can be made, that is said', { skip: process.platform !== 'linux' }, async () => {
  await assert.rejects(makeFolders('/proc/here/and/there'), { message: 'nothing can be made in /proc' });
});
