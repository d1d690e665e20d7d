import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeCache } from '../../../runtime/processes/code-cache.mjs';

test('compiled code lies where nobody else can write, or nowhere', { skip: process.platform === 'win32' && 'the temporary folder there is of one user' }, (context) => {
  const { TMPDIR: before } = process.env;
  const shared = mkdtempSync(join(tmpdir(), 'tf-shared-'));
  context.after(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(shared, { recursive: true, force: true });
  });
  process.env.TMPDIR = shared;
  const own = join(shared, `tuning-fork-${process.getuid!()}`);
  assert.equal(codeCache(), join(own, 'code'));
  assert.equal(statSync(own).mode & 0o777, 0o700);

  chmodSync(own, 0o777);
  assert.equal(codeCache(), undefined, 'others can write to it');
  rmSync(own, { recursive: true });
  mkdirSync(join(shared, 'planted'));
  symlinkSync(join(shared, 'planted'), own);
  assert.equal(codeCache(), undefined, 'a link leads elsewhere');
});
