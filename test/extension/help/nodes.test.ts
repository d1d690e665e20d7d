import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { foundNodes, loadOnnx } from '../../../extension/help/nodes.ts';
import { stripsTypes } from '../../../runtime/cli/find-node.mjs';

const dir = mkdtempSync(join(tmpdir(), 'tf-nodes-'));
const root = fileURLToPath(new URL('../../..', import.meta.url));
after(() => rmSync(dir, { recursive: true }));

test('each Node of the machine is found once and asked what it can', async () => {
  const link = join(dir, 'link');
  symlinkSync(process.execPath, link);
  const found = await foundNodes(link);
  const [own] = found.filter(({ own }) => own);
  assert.equal(found.filter(({ own }) => own).length, 1, 'links to one program are one');
  assert.deepEqual([own?.version, own?.usable], [process.version, true]);
});

test('a program that is no Node is told as such', async () => {
  const broken = join(dir, 'broken');
  writeFileSync(broken, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const found = await foundNodes(broken);
  assert.deepEqual(found.find(({ path }) => path === broken), { path: broken, version: undefined, usable: false, own: false });
  assert.equal(stripsTypes(broken), false);
  assert.equal(stripsTypes(process.execPath), true);
});

test('ONNX Runtime loads here, and where it is missing the cause is told', async () => {
  assert.equal(await loadOnnx(process.execPath, root), undefined);
  assert.match(await loadOnnx(process.execPath, dir) ?? '', /Cannot find module 'onnxruntime-node'/);
});
