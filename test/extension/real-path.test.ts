import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isWithin } from '../../extension/real-path.ts';

test('what lies in a folder, however the two were reached', (context) => {
  const root = mkdtempSync(join(tmpdir(), 'tf-within-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ['here/a', 'here-too', 'elsewhere']) mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['here/a/x.yaml', 'here/..x.yaml', 'here-too/x.yaml', 'elsewhere/x.yaml']) writeFileSync(join(root, file), '');
  symlinkSync(join(root, 'here'), join(root, 'link'));
  symlinkSync(join(root, 'elsewhere'), join(root, 'here/out'));
  const within = (file: string, ...folders: string[]): boolean => isWithin(join(root, file), folders.map((folder) => join(root, folder)));
  assert.ok(within('here/a/x.yaml', 'here') && within('here/..x.yaml', 'here') && within('here/a/x.yaml', 'link') && within('link/a/x.yaml', 'here') && within('elsewhere/x.yaml', 'here', 'elsewhere'));
  assert.ok(!within('here-too/x.yaml', 'here') && !within('elsewhere/x.yaml', 'here') && !within('here/out/x.yaml', 'here') && !within('here/../elsewhere/x.yaml', 'here') && !within('elsewhere/x.yaml'));
});
