import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { namesLostPackage } from '../../../extension/scaffold/lost-package.ts';
import { freeName, isFolderName, kebab } from '../../../extension/scaffold/names.ts';
import { packageRoot, relink, scaffold } from '../../../runtime/cli/init/scaffold.ts';

test('a free name, and names that can be folders everywhere', () => {
  assert.equal(freeName('a', () => false), 'a');
  assert.equal(freeName('a', (name) => ['a', 'a-2'].includes(name)), 'a-3');
  for (const name of ['a', 'my agent', '数学', 'a.b']) assert.ok(isFolderName(name), name);
  for (const name of ['', '.a', ' a', 'a ', 'a.', 'a/b', 'a\\b', 'a:b', 'con', 'COM1']) assert.ok(!isFolderName(name), name);
  assert.deepEqual(['MathAgent', 'RLAgent', 'A', 'my_agent'].map(kebab), ['math-agent', 'rl-agent', 'a', 'my-agent']);
});

const dir = mkdtempSync(join(tmpdir(), 'tf-relink-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('a project whose copy of the package is gone is linked to this one', async () => {
  const project = join(dir, 'agent');
  await scaffold(project, 'blank');
  assert.equal(await namesLostPackage(project), false);
  const file = join(project, 'package.json');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(/"file:[^"]*"/, '"file:../extensions/tuning-fork-0.0.1"'));
  assert.equal(await namesLostPackage(project), true);
  await relink(project);
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal(join(readlinkSync(join(project, 'node_modules/tuning-fork')), '/'), join(packageRoot, '/'));
  assert.equal(await namesLostPackage(join(dir, 'nowhere')), false);
});
