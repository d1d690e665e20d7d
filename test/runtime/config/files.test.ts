import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findPath, needFile } from '../../../runtime/config/files.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tf-files-'));
  await mkdir(join(root, 'yaml'));
  await mkdir(join(root, 'cwd'));
  for (const path of ['yaml/both', 'cwd/both', 'cwd/there']) await writeFile(join(root, path), '');
});
after(() => rm(root, { recursive: true, force: true }));

const loaded = () => ({ dir: join(root, 'yaml'), cwd: join(root, 'cwd'), place: (key: string) => ({ file: 'x.yaml', line: 2, key }) });

test('the YAML’s folder comes first, then the command’s', () => {
  assert.equal(findPath(loaded(), 'both'), join(root, 'yaml/both'));
  assert.equal(findPath(loaded(), 'there'), join(root, 'cwd/there'));
  assert.equal(findPath(loaded(), 'nowhere'), undefined);
  assert.equal(needFile(loaded(), join(root, 'cwd/there'), 'k'), join(root, 'cwd/there'));
});

test('a missing file names both folders and the key’s place', () => {
  assert.throws(() => needFile(loaded(), 'nowhere', 'k'), (error: Error & { where: unknown }) => {
    assert.ok(error.message.includes(join(root, 'yaml')) && error.message.includes(join(root, 'cwd')));
    assert.deepEqual(error.where, { file: 'x.yaml', line: 2, key: 'k' });
    return true;
  });
  assert.throws(() => needFile({ ...loaded(), cwd: root }, 'yaml', 'k'), /is a folder/);
});
