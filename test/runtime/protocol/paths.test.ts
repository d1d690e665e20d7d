import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realPath, smallDrive, withoutSlash, withPaths } from '../../../runtime/protocol/paths.ts';

test('a drive is written small on Windows, and nothing else is changed', () => {
  assert.equal(smallDrive('C:\\Users\\Me\\Agent', 'win32'), 'c:\\Users\\Me\\Agent');
  assert.equal(smallDrive('c:\\Users', 'win32'), 'c:\\Users');
  assert.equal(smallDrive('\\\\Server\\Share', 'win32'), '\\\\Server\\Share');
  assert.equal(smallDrive('C:/odd', 'linux'), 'C:/odd');
});

test('the addresses in a stack become paths: blanks, drives, frames with and without a name', () => {
  const windows = [
    'Error: no',
    '    at MathAgent.execute (file:///C:/Users/John%20Doe/agent/workflow.ts:12:3)',
    '    at async file:///D:/agent/main.ts:4:1',
    '    at node:internal/process/task_queues:105:5',
  ].join('\n');
  assert.equal(withPaths(windows, 'win32'), [
    'Error: no',
    '    at MathAgent.execute (c:\\Users\\John Doe\\agent\\workflow.ts:12:3)',
    '    at async d:\\agent\\main.ts:4:1',
    '    at node:internal/process/task_queues:105:5',
  ].join('\n'));
  assert.equal(withPaths('    at run (file:///home/me/my%20agent/workflow.ts:1:2)', 'linux'), '    at run (/home/me/my agent/workflow.ts:1:2)');
});

test('what is no path of this system stays as it is', () => {
  assert.equal(withPaths('    at file://server/share/x.ts:1:2', 'linux'), '    at file://server/share/x.ts:1:2');
});

test('a pathname of an address is a path on Windows too', () => {
  assert.equal(withoutSlash('/C:/agent/config.yaml', 'win32'), 'C:/agent/config.yaml');
  assert.equal(withoutSlash('/C:/agent/config.yaml', 'linux'), '/C:/agent/config.yaml');
  assert.equal(withoutSlash('config.yaml', 'win32'), 'config.yaml');
});

test('what is there has one name, whichever link led to it', (t) => {
  const dir = smallDrive(realpathSync.native(mkdtempSync(join(tmpdir(), 'tf-paths-'))));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'project'));
  symlinkSync(join(dir, 'project'), join(dir, 'link'), 'junction');
  assert.equal(realPath(join(dir, 'link')), join(dir, 'project'));
  assert.throws(() => realPath(join(dir, 'nothing')), { code: 'ENOENT' });
});
