import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')));
const project = fileURLToPath(new URL('types', import.meta.url));

async function compile(...flags: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', project, ...flags]).catch((error: { stdout: string }) => error);
  return stdout;
}

test("users' code compiles without a cast, and their mistakes do not, under any settings of theirs", async () => {
  assert.equal(await compile(), '');
  assert.equal(await compile('--lib', 'es2024,dom,dom.iterable', '--noImplicitOverride'), '');
  assert.equal(await compile('--lib', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler'), '');
});
