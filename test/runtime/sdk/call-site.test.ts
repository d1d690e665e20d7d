import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStack, encodeStack } from '../../../runtime/protocol/site.ts';
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
  assert.deepEqual(site, { stack: [{ file: '/p/w.ts', line: 9, column: 1, key: 'A.execute' }, { file: '/p/x.ts', line: 1, column: 1 }], place: { file: '/p/w.ts', line: 9, column: 1 }, frames: '    at async A.execute (/p/w.ts:9:1)\n    at async file:///p/x.ts:1:1' });
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

test('a stack survives its header, whatever the paths and names', () => {
  for (const file of ['/p/a.ts', '/p/my work/狼人 100%.ts', 'C:\\p\\a.ts', '/p/a:1:2.ts', '/p/a|b.ts']) {
    const stack = [{ file, line: 3, column: 4, key: 'async Über.<anonymous>' }, { file, line: 5, column: 6 }, { file, line: 7, column: 8, key: 'a|b' }];
    const header = encodeStack(stack);
    assert.match(header, /^[\x20-\x7e]+$/);
    assert.deepEqual(decodeStack(header), stack);
  }
  for (const broken of ['', 'x', '%E0%A4%A:1:2', '/p/a.ts:1', '/p/a.ts:1:2 x', '/p/a.ts:1:2|%E0', '/p/a.ts:1:2 '.repeat(9).trim(), `/${'p'.repeat(5_000)}:1:2`]) {
    assert.deepEqual(decodeStack(broken), [], broken.slice(0, 40));
  }
});

test('a stack is told as far as a header goes', () => {
  const frame = { file: `/${'狼'.repeat(150)}.ts`, line: 1, column: 1, key: 'n'.repeat(300) };
  const told = decodeStack(encodeStack(Array.from({ length: 20 }, () => frame)));
  assert.ok(told.length >= 2 && told.length <= 8);
  assert.ok(encodeStack([frame, frame, frame, frame]).length < 4_096);
  assert.equal(told[0]!.key!.length, 100);
  assert.equal(decodeStack(encodeStack(Array.from({ length: 20 }, () => ({ file: '/a.ts', line: 1, column: 1 })))).length, 8);
  assert.deepEqual(decodeStack(encodeStack([{ file: '/a\ud800.ts', line: 1, column: 1 }])).length, 1);
});
