import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertKept, scriptedWorld, tunerOf } from './world.ts';

const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0);

test('a client in another language: two questions with tools are one conversation', { skip: python === undefined && 'there is no Python' }, async () => {
  await using w = await scriptedWorld();
  const { baseURL, apiKey } = tunerOf(w);
  const { stdout } = await promisify(execFile)(python!, [fileURLToPath(new URL('./other_language.py', import.meta.url)), baseURL, apiKey, '1 + 2? 5 + 6?', 'Und 30 + 4? 好']);
  assert.deepEqual(stdout.trim().split(/\r?\n/), ['The sum\tis 3 and 11.', 'The sum\tis 34.']);
  assertKept(w, [null, 0, 1, 2]);
  const changed = w.journal.map(({ echoes }) => echoes?.map(({ call, changed }) => [call, ...changed]));
  assert.deepEqual(changed, [undefined, [[0, 'reasoning', 'arguments']], undefined, [[2, 'reasoning', 'arguments']]]);
});
