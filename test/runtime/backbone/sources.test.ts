import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { rm } from 'node:fs/promises';
import { rejudgedHashes, sourceHashes } from '../../../runtime/backbone/sources.ts';
import type { RunInfo } from '../../../runtime/protocol/trace.ts';

const dir = await realpath(await mkdtemp(join(tmpdir(), 'tf-sources-')));
after(() => rm(dir, { recursive: true }));
const write = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text);
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a run keeps the hashes of its code; scored again it keeps those of the workflow and takes the judge as it is now', async () => {
  await write('shared.ts', 'export const one = 1;');
  await write('workflow.ts', "import { one } from './shared.ts';");
  await write('judge.ts', "import { one } from './shared.js'; import { two } from './two';");
  await write('two.ts', 'export const two = 2;');
  await symlink(dir, join(dir, 'link'));
  const load = { workflow: { file: join(dir, 'link/workflow.ts'), className: 'W' }, judge: { file: join(dir, 'judge.ts'), className: 'J' } };
  const before = await sourceHashes(load);
  assert.deepEqual(Object.keys(before), ['judge.ts', 'shared.ts', 'two.ts', 'workflow.ts'].map((name) => join(dir, name)));
  assert.equal(before[join(dir, 'two.ts')], sha('export const two = 2;'));

  await write('shared.ts', 'export const one = 11;');
  await write('two.ts', 'export const two = 22;');
  const again = await rejudgedHashes({ files: before } as unknown as RunInfo, load);
  assert.equal(again[join(dir, 'two.ts')], sha('export const two = 22;'));
  assert.equal(again[join(dir, 'shared.ts')], before[join(dir, 'shared.ts')], 'the workflow ran on the old one');
});
