import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { userPlace, userStack } from '../../../runtime/worker/stack.ts';

const dir = mkdtempSync(join(tmpdir(), 'tf-stack-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function thrown(...frames: string[]): Error {
  const error = new Error('no');
  error.stack = ['Error: no', ...frames].join('\n');
  return error;
}

test('a stack begins and ends with the user, and names paths', () => {
  const own = new URL('../../../runtime/sdk/toolkit.ts', import.meta.url).href;
  const stack = userStack(thrown(`    at Toolkit.call (${own}:1:2)`, '    at MathAgent.execute (file:///home/me/my%20agent/workflow.ts:12:3)', '    at node:internal/process/task_queues:105:5'));
  assert.equal(stack, 'Error: no\n    at MathAgent.execute (/home/me/my agent/workflow.ts:12:3)');
  assert.deepEqual(userPlace(stack), { file: '/home/me/my agent/workflow.ts', line: 12, column: 3 });
});

test('a compiled file is at its own lines, whatever its folder is called', () => {
  const folder = join(dir, 'my #1 agent 100%');
  mkdirSync(folder);
  const file = join(folder, 'agent.ts');
  writeFileSync(file, "enum Answer { Yes }\nexport function fail() {\n  throw new Error(String(Answer.Yes));\n}\n");
  const program = `
    const { installLoader } = await import(${JSON.stringify(new URL('../../../runtime/worker/loader.ts', import.meta.url).href)});
    const { userPlace, userStack } = await import(${JSON.stringify(new URL('../../../runtime/worker/stack.ts', import.meta.url).href)});
    const { pathToFileURL } = await import('node:url');
    installLoader();
    const { fail } = await import(pathToFileURL(${JSON.stringify(file)}).href);
    try { fail(); } catch (error) { console.log(JSON.stringify(userPlace(userStack(error)))); }`;
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })), { file, line: 3, column: 9 });
});
