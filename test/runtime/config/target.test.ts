import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRYPOINT, splitTarget } from '../../../runtime/config/target.ts';

test('a file and a class', () => {
  assert.deepEqual(splitTarget('path/file.ts->Class'), { file: 'path/file.ts', className: 'Class' });
  assert.deepEqual(splitTarget(' ./a b/文件.mts -> $Klasse_2 '), { file: './a b/文件.mts', className: '$Klasse_2' });
  assert.deepEqual(splitTarget('C:\\x->y\\f.ts->default'), { file: 'C:\\x->y\\f.ts', className: 'default' });
});

test('anything else says what to write', () => {
  for (const text of ['->A', 'a.ts->', 'a.ts->A B', 'a.ts->1A', 'a.json->A', 'a.ts->A.b']) {
    assert.throws(() => splitTarget(text), { code: 'config', next: 'Write path/file.ts->Class.' }, text);
  }
  for (const text of ['a/b.py->A', 'pkg.module->A']) assert.throws(() => splitTarget(text), /Python/, text);
});

test('the place is told', () => {
  const where = { file: 'x.yaml', line: 3 };
  assert.throws(() => splitTarget('x', where), { where });
});

test('a file alone is an entrypoint', () => {
  assert.deepEqual(splitTarget(' rollouts/math/main.ts '), { file: 'rollouts/math/main.ts', className: ENTRYPOINT });
});
