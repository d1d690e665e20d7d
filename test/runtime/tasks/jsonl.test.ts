import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { Task } from '../../../runtime/protocol/task.ts';
import { jsonlTasks, type JsonlOptions } from '../../../runtime/tasks/jsonl.ts';
import type { TaskSource } from '../../../runtime/tasks/source.ts';

let dir = '';
let files = 0;
before(async () => { dir = await mkdtemp(join(tmpdir(), 'tf-tasks-')); });
after(() => rm(dir, { recursive: true, force: true }));

async function source(content: string | Buffer, options: Partial<JsonlOptions> = {}): Promise<TaskSource> {
  const file = join(dir, `${files++}.jsonl`);
  await writeFile(file, content);
  return jsonlTasks(file, { name: 'data.jsonl', onBadRow: 'stop', ...options });
}

async function all(from: TaskSource): Promise<Task[]> {
  return Array.fromAsync(from.tasks());
}

async function failure(content: string | Buffer, options: Partial<JsonlOptions> = {}): Promise<TuningForkError> {
  try {
    await all(await source(content, options));
  } catch (error) {
    assert.ok(error instanceof TuningForkError, String(error));
    assert.equal(error.code, 'data');
    return error;
  }
  return assert.fail('this file should be refused');
}

test('every key may be missing; the metadata is then the whole row', async () => {
  const row = { question: '1 + 1?', answer: '2' };
  const given = { main_query: 'q', task_id: 7, env_type: 'lake', init_messages: [{ role: 'system', content: 's' }, { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }], metadata: { n: 1 } };
  const [first, second, third] = await all(await source([row, given, {}].map((line) => JSON.stringify(line)).join('\n')));
  assert.deepEqual(first, { taskId: 'task_0', mainQuery: '1 + 1?', initMessages: [], envType: 'no_env', metadata: row });
  assert.deepEqual(second, { taskId: '7', mainQuery: 'q', initMessages: [{ role: 'system', content: 's' }, { role: 'user', content: 'ab' }], envType: 'lake', metadata: { n: 1 } });
  assert.equal(third?.mainQuery, '[not defined]');
});

test('BOM, CRLF, empty lines and a missing last newline', async () => {
  const from = await source('\uFEFF{"task_id":"a"}\r\n\r\n  \t\n{"task_id":"b"}\r\n{"task_id":"ü😀"}');
  assert.equal(from.count, undefined);
  assert.deepEqual((await all(from)).map((task) => task.taskId), ['a', 'b', 'ü😀']);
  assert.equal(from.count, 3);
});

test('every pass is the same', async () => {
  const from = await source('{"a":1}\nx\n{"a":2}\n', { onBadRow: 'skip' });
  assert.deepEqual(await all(from), await all(from));
  assert.equal(from.badRowCount, 1);
});

test('the label leaves the metadata', async () => {
  const from = await source('{"question":"?","answer":"42"}\n', { labelKey: 'answer' });
  const [task] = await all(from);
  assert.equal(task?.label, '42');
  assert.deepEqual(task?.metadata, { question: '?' });
  assert.match((await failure('{"question":"?"}', { labelKey: 'answer' })).message, /label `answer` \(label_key\) is missing/);
});

test('the query may stand under a key of its own, and every task may begin with a system message', async () => {
  const keys = { queryKey: 'ask', systemPrompt: 'Think.' };
  const from = await source('{"ask":"1+1","question":"no"}\n{"ask":"2","init_messages":[{"role":"system","content":"Mine."}]}\n', keys);
  const tasks = await all(from);
  assert.deepEqual(tasks.map(({ mainQuery, initMessages }) => [mainQuery, initMessages.map(({ content }) => content)]), [['1+1', ['Think.']], ['2', ['Mine.']]]);
  assert.match((await failure('{"question":"?"}', keys)).message, /query `ask` \(query_key\) is missing/);
});

test('a bad row stops with file, line and cause', async () => {
  const cases: [string, RegExp, number | undefined][] = [
    ['{"a":1', /isn’t JSON: expected ',' or '}'/, 7],
    ['{"a":1}}', /isn’t JSON: unexpected non-whitespace/, 8],
    ["{'a':1}", /isn’t JSON/, 2],
    ['{"a":nope}', /isn’t JSON: unexpected token 'o'\./, undefined],
    ['[1]', /this is a list, and a task is a JSON object/, undefined],
    ['null', /this is null/, undefined],
    ['{"main_query":5}', /`main_query` must be text, but is a number/, undefined],
    ['{"task_id":{}}', /`task_id` must be text or a number, but is an object/, undefined],
    ['{"metadata":[]}', /`metadata` must be an object, but is a list/, undefined],
    ['{"init_messages":"hi"}', /`init_messages` must be a list of messages/, undefined],
    ['{"init_messages":[{"role":"boss","content":""}]}', /`init_messages\[0\]\.role` must be one of/, undefined],
    ['{"init_messages":[{"role":"user","content":[{"type":"image_url"}]}]}', /must be text or a list of text parts/, undefined],
    ['{"init_messages":[{"role":"assistant","tool_calls":[{"id":1}]}]}', /tool_calls` must be a list/, undefined],
  ];
  for (const [row, message, column] of cases) {
    const error = await failure(`{"ok":1}\n\n${row}\n`);
    assert.match(error.message, message, row);
    assert.equal(error.where?.line, 3, row);
    assert.equal(error.where?.column, column, row);
    assert.match(error.next!, /on_bad_row: skip/);
    assert.match(error.where?.file ?? '', /\.jsonl$/);
  }
});

test('bad rows can be left out, and are told', async () => {
  const from = await source('{"task_id":"a"}\nnope\n{"task_id":"a"}\n{"task_id":"b"}\n{"task_id":', { onBadRow: 'skip' });
  assert.deepEqual((await all(from)).map((task) => task.taskId), ['a', 'b']);
  assert.deepEqual(from.badRows.map((bad) => bad.where?.line), [2, 3, 5]);
  assert.match(from.badRows[1]!.message, /task_id a stands in line 1 already/);
});

test('ids of rows without one don’t move when a row before them is mended', async () => {
  const broken = await all(await source('x\n{"a":1}\n', { onBadRow: 'skip' }));
  const mended = await all(await source('{}\n{"a":1}\n', { onBadRow: 'skip' }));
  assert.equal(broken[0]?.taskId, mended[1]?.taskId);
});

test('invalid UTF-8 is told with its byte', async () => {
  const error = await failure(Buffer.concat([Buffer.from('{"a":1}\n{"b":"é'), Buffer.from([0xff]), Buffer.from('"}\n')]));
  assert.match(error.message, /isn’t UTF-8/);
  assert.deepEqual([error.where?.line, error.where?.column], [2, 9]);
});

test('files of another kind are refused with what they are', async () => {
  assert.match((await failure(Buffer.from('\uFEFF{"a":1}\n', 'utf16le'))).message, /UTF-16/);
  assert.match((await failure(Buffer.from([0x1f, 0x8b, 8, 0]))).message, /compressed/);
  assert.match((await failure('PAR1xxxx')).message, /Parquet/);
  assert.match((await failure('[\n{"a":1},\n{"a":2}\n]')).next!, /one JSON list/);
});

test('an empty file, and one with bad rows only, hold no task', async () => {
  for (const content of ['', '\n\n', '\uFEFF']) assert.match((await failure(content)).message, /holds no task: it is empty/);
  const error = await failure('x\ny\n', { onBadRow: 'skip' });
  assert.match(error.message, /all of its 2 rows are bad/);
  assert.equal(error.where?.line, 1);
});

test('a line of 10 MB is read; the lines around it too', async () => {
  const long = 'ä'.repeat(5 * 1024 * 1024);
  const from = await source(`{"task_id":"a"}\n${JSON.stringify({ task_id: 'b', text: long })}\n{"task_id":"c"}\n`);
  const tasks = await all(from);
  assert.deepEqual(tasks.map((task) => task.taskId), ['a', 'b', 'c']);
  assert.equal(tasks[1]?.metadata.text, long);
});

test('tasks are streamed: the first is there before a bad last one is met', async () => {
  const from = await source(`${'{"a":1}\n'.repeat(50_000)}nope`);
  const tasks = from.tasks();
  assert.equal((await tasks.next()).value?.taskId, 'task_0');
  await tasks.return();
});

test('lines that end exactly where a block of the file ends', async () => {
  const row = (id: string, size: number) => `${JSON.stringify({ task_id: id, pad: '' }).replace('""', `"${'x'.repeat(size)}"`)}\n`;
  const block = 1 << 18;
  const exact = row('a', block - row('a', 0).length);
  assert.equal(exact.length, block);
  for (const content of [exact + row('b', 3), exact, ` ${exact}${row('b', 3)}`, `${exact.slice(1, -1)}`.replace('"task_id"', '{"task_id"') + '\r\n' + row('b', 3)]) {
    const ids = (await all(await source(content))).map((task) => task.taskId);
    assert.equal(ids[0], 'a');
    assert.equal(ids.length, content.includes('"b"') ? 2 : 1);
  }
});

test('a hostile row is plain data', async () => {
  const [task] = await all(await source('{"__proto__":{"polluted":1},"constructor":1}\n'));
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal(task?.metadata.polluted, undefined);
});
