import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSite, encodeSite } from '../../../runtime/protocol/site.ts';
import { callSite, readStack } from '../../../runtime/sdk/call-site.ts';

test('reads every form of a frame', () => {
  const frames: [string, object | undefined][] = [
    ['    at Agent.run (file:///home/a/my%20work/agent.ts:3:14)', { file: '/home/a/my work/agent.ts', line: 3, column: 14 }],
    ['    at async MathAgent.execute (/p/(x)/workflow.ts:10:5)', { file: '/p/(x)/workflow.ts', line: 10, column: 5 }],
    ['    at file:///p/main.ts:1:2', { file: '/p/main.ts', line: 1, column: 2 }],
    ['    at async file:///p/main.ts:1:2', { file: '/p/main.ts', line: 1, column: 2 }],
    ['    at new Foo (C:\\p\\main.ts:1:2)', { file: 'C:\\p\\main.ts', line: 1, column: 2 }],
    ['    at async Promise.all (index 0)', undefined],
    ['    at node:internal/process/task_queues:103:5', undefined],
    ['    at process.processTicksAndRejections (node:internal/process/task_queues:103:5)', undefined],
    ['    at run (/p/node_modules/framework/index.js:1:2)', undefined],
  ];
  for (const [frame, place] of frames) assert.deepEqual(readStack(`Error: x\n${frame}`).place, place, frame);
});

test('skips our own files, and keeps the stack from the user on', () => {
  const own = new URL('../../../runtime/sdk/react-agent.ts', import.meta.url);
  const site = readStack(`Error\n    at ReActAgent.reply (${own}:1:2)\n    at async A.execute (/p/w.ts:9:1)\n    at async file:///p/x.ts:1:1`);
  assert.deepEqual(site, { place: { file: '/p/w.ts', line: 9, column: 1 }, frames: '    at async A.execute (/p/w.ts:9:1)\n    at async file:///p/x.ts:1:1' });
});

test('looks across awaits, and leaves the depth of other stacks alone', async () => {
  const limit = Error.stackTraceLimit;
  async function inner(): Promise<string | undefined> {
    await Promise.resolve();
    return callSite(inner).place?.file;
  }
  assert.equal(await inner(), import.meta.filename);
  assert.equal(Error.stackTraceLimit, limit);
});

test('a site survives its header, whatever the path', () => {
  for (const file of ['/p/a.ts', '/p/my work/狼人 100%.ts', 'C:\\p\\a.ts', '/p/a:1:2.ts']) {
    const header = encodeSite({ file, line: 3, column: 4 });
    assert.match(header, /^[\x21-\x7e]+$/);
    assert.deepEqual(decodeSite(header), { file, line: 3, column: 4 });
  }
  for (const broken of ['', 'x', '%E0%A4%A:1:2', '/p/a.ts:1']) assert.equal(decodeSite(broken), undefined);
});
