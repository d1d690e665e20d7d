import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportsOf } from '../../../extension/language/exports.ts';

test('a configuration may name classes and functions, and of what tune() gets also what is not exported', () => {
  const source = `import { tune } from 'tuning-fork';
export class A {}
export async function run(task, model) { return 1; }
async function hidden(task, model) { return 1; }
async function nobody(task, model) { return 1; }
await tune(hidden, 'config.yaml');
`;
  assert.deepEqual(exportsOf(source, 'a.ts'), { classes: ['A'], others: ['hidden', 'run'], open: false });
});
