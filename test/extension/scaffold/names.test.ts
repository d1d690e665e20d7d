import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeName, isFolderName, kebab } from '../../../extension/scaffold/names.ts';

test('a free name, and names that can be folders everywhere', () => {
  assert.equal(freeName('a', () => false), 'a');
  assert.equal(freeName('a', (name) => ['a', 'a-2'].includes(name)), 'a-3');
  for (const name of ['a', 'my agent', '数学', 'a.b']) assert.ok(isFolderName(name), name);
  for (const name of ['', '.a', ' a', 'a ', 'a.', 'a/b', 'a\\b', 'a:b', 'con', 'COM1']) assert.ok(!isFolderName(name), name);
  assert.deepEqual(['MathAgent', 'RLAgent', 'A', 'my_agent'].map(kebab), ['math-agent', 'rl-agent', 'a', 'my-agent']);
});
