import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findsPackage, namesLostPackage } from '../../../extension/scaffold/package.ts';
import { addPackage, packageRoot, scaffold } from '../../../runtime/cli/init/scaffold.ts';

const dir = mkdtempSync(join(tmpdir(), 'tf-package-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('a project whose copy of the package is gone is linked to this one', async () => {
  const project = join(dir, 'agent');
  await scaffold(project, 'blank');
  assert.equal(namesLostPackage(project), false);
  const file = join(project, 'package.json');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(/"file:[^"]*"/, '"file:../extensions/tuning-fork-0.0.1"'));
  assert.equal(namesLostPackage(project), true);
  await addPackage(project);
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal(join(readlinkSync(join(project, 'node_modules/tuning-fork')), '/'), join(packageRoot, '/'));
  assert.equal(namesLostPackage(join(dir, 'nowhere')), false);
});

test('a project without the package gets it; the rest of its package.json stays as it was', async () => {
  const project = join(dir, 'own');
  const nested = join(project, 'packages/agent');
  mkdirSync(nested, { recursive: true });
  const file = join(project, 'package.json');
  const before = '{\n\t"name": "own",\n\t"dependencies": {\n\t\t"zod": "4"\n\t}\n}\n';
  writeFileSync(file, before);
  assert.equal(findsPackage(nested), false);
  await addPackage(project);
  const after = readFileSync(file, 'utf8');
  assert.match(after, /\n\t\t"zod": "4",\n\t\t"tuning-fork": "file:.+"\n\t}\n}\n$/);
  assert.equal(after.replace(/,\n.*"tuning-fork".*/, ''), before);
  assert.ok(findsPackage(nested), 'and so have the folders below it');
  writeFileSync(file, '{ "name": ');
  await assert.rejects(addPackage(project), { code: 'usage', next: 'Mend it; nothing was changed.' });

  const bare = join(dir, 'bare');
  mkdirSync(bare);
  await addPackage(bare);
  assert.equal((JSON.parse(readFileSync(join(bare, 'package.json'), 'utf8')) as { type: string }).type, 'module');
});
