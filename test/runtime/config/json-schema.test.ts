import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { toJsonSchema } from '../../../runtime/config/json-schema.ts';
import { allKeyPaths } from '../../../runtime/config/schema.ts';

type Node = { properties?: Record<string, Node>; description?: string; deprecated?: boolean; enum?: string[]; anyOf?: Node[]; type?: string | string[]; required?: string[] };

test('the committed JSON Schema is current', async () => {
  const committed = JSON.parse(await readFile(new URL('../../../snippets/tuning-fork.schema.json', import.meta.url), 'utf8')) as unknown;
  assert.deepEqual(committed, JSON.parse(JSON.stringify(toJsonSchema())), 'run: node runtime/config/write-json-schema.ts');
});

const body = (toJsonSchema().definitions as { config: Node }).config;
const find = (path: string): Node | undefined => path.split('.').reduce<Node | undefined>((node, key) => node?.properties?.[key], body);

test('every key is in it, with a help text', () => {
  for (const path of allKeyPaths()) {
    const node = find(path);
    assert.ok(node, path);
    const leaf = node.properties === undefined;
    assert.ok(!leaf || (node.description ?? '').length > 0 || /\.(training|validation)$/.test(path), `${path} has no help text`);
  }
});

test('words are offered, numbers may be variables, old names are deprecated', () => {
  assert.deepEqual(find('backbone')?.anyOf?.[0]?.enum, ['debug', 'embedded', 'gpu', 'trinity', 'verl']);
  assert.deepEqual(find('rollout.num_repeat')?.type, ['integer', 'string']);
  assert.equal(find('rollout.agentscope_workflow')?.deprecated, true);
  assert.ok(!find('rollout')?.required?.includes('user_workflow'));
});
