import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSameFile, realPath } from '../../extension/real-path.ts';

test('a configuration is the same whether its folder was opened through a link or not', (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'tf-real-')));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'project'));
  writeFileSync(join(dir, 'project/a.yaml'), '');
  symlinkSync(join(dir, 'project'), join(dir, 'link'), 'junction');
  assert.equal(realPath(join(dir, 'link/a.yaml')), join(dir, 'project/a.yaml'));
  assert.ok(isSameFile(join(dir, 'link/a.yaml'), join(dir, 'project/a.yaml')));
  assert.ok(!isSameFile(join(dir, 'project/a.yaml'), join(dir, 'project')));
  assert.equal(realPath(join(dir, 'gone.yaml')), join(dir, 'gone.yaml'), 'what is gone is called as it was');
});
