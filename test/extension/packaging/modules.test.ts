import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { moduleFiles } from '../../../extension/packaging/modules.ts';
import { thisTarget } from '../../../extension/packaging/target.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const target = thisTarget();

test('of the packages only what runs here is packed', { skip: target === undefined ? 'There is no package for this platform.' : false }, () => {
  const names = Array.from(moduleFiles(root, target!, '/nonexistent'), ({ name }) => name);
  const has = (pattern: RegExp): string[] => names.filter((name) => pattern.test(name));
  assert.equal(has(/onnxruntime_binding\.node$/).length, 1);
  assert.equal(has(/^node_modules\/@esbuild\/[^/]+\/package\.json$/).length, 1);
  for (const name of ['zod/v4/index.js', 'yaml/dist/index.js', 'openai/index.mjs', 'openai/index.d.mts', '@types/node/index.d.ts']) assert.ok(names.includes(`node_modules/${name}`), name);
  assert.deepEqual(has(/node_modules\/(adm-zip|global-agent|node|typescript|oxlint|playwright-core)\/|\.map$|DirectML/), []);
});
