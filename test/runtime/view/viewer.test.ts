import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RolloutColumns, Timeline, ViewerEvent } from '../../../runtime/protocol/viewer.ts';
import { createRun, type RunWriter } from '../../../runtime/trace/writer.ts';
import { serveViewer } from '../../../runtime/view/server.ts';
import { RunViewer, type ViewerHost } from '../../../runtime/view/viewer.ts';
import { decode } from '../../../runtime/view/wire.ts';
import { folder, newRun, place, rollout } from '../trace/samples.ts';

const reader: ViewerHost = { capabilities: [], language: 'en', act: async () => null };

async function someRun(context: TestContext, rollouts = 3): Promise<RunWriter> {
  const writer = await createRun(await folder(context), newRun());
  for (let sample = 0; sample < rollouts; sample++) await writer.seal(rollout(sample, 2, 4, sample === 1 ? { status: 'failed', reward: null, error: { code: 'judge', message: 'No.' } } : {}));
  context.after(() => writer.close());
  return writer;
}

test('the table has what the index has, and the advantages of the training', async (context) => {
  const { dir } = await someRun(context);
  await appendFile(join(dir, 'advantages.jsonl'), '{"step":1,"rollouts":["s0t0n0","s0t0n2"],"advantages":[0.5,null]}\n{"step":2,"roll');
  const viewer = await RunViewer.open(dir, reader);
  const columns = await viewer.requests.rollouts({ from: 0 });
  const row = columns.ids.split('\n').indexOf('s0t0n0');
  assert.equal(columns.count, 3);
  assert.equal(columns.advantage[row], 0.5);
  assert.equal(columns.tasks[columns.task[row]!], 'sum-1');
  const failed = columns.ids.split('\n').indexOf('s0t0n1');
  assert.ok(Number.isNaN(columns.reward[failed]!) && Number.isNaN(columns.advantage[failed]!));
  assert.equal(columns.status[failed], 1);
  const flag = columns.flagNames.indexOf('error:judge');
  assert.equal(columns.flags[failed]! >>> flag & 1, 1);
  assert.equal(columns.flags[row]! >>> flag & 1, 0);
});

test('without its vocabulary a run is told so, and shows ids; with it, text', async (context) => {
  const writer = await createRun(await folder(context), newRun({ tokenizer: { sha256: 'a'.repeat(64), template: 't' } }));
  await writer.seal(rollout(0, 1, 4));
  await writer.close();
  const blind = await RunViewer.open(writer.dir, reader);
  assert.equal((await blind.requests.open(null)).vocabulary, false);
  assert.equal((await blind.requests.timeline({ rollout: 's0t0n0' })).text, '');
  assert.match((await blind.requests.open(null)).problems[0]!.message, /vocabulary/);
  const kept = join(writer.dir, '../../../.tokenizers', 'a'.repeat(16));
  await mkdir(kept, { recursive: true });
  await writeFile(join(kept, 'tokenizer.json'), JSON.stringify({ model: { vocab: Object.fromEntries(Array.from({ length: 50_000 }, (_, id) => [`w${id} `.replace(' ', 'Ġ'), id])) }, decoder: { type: 'ByteLevel' } }));
  const seeing = await RunViewer.open(writer.dir, reader);
  const { id, text, start } = await seeing.requests.timeline({ rollout: 's0t0n0' });
  assert.equal(text.slice(start[1], start[2]), `w${id[1]} `);
});

test('a rollout that is under way is seen growing, and its end is told', async (context) => {
  const writer = await someRun(context, 0);
  const viewer = await RunViewer.open(writer.dir, reader);
  const events: ViewerEvent[] = [];
  const stop = viewer.watch((event) => events.push(event));
  context.after(stop);
  const { calls, ...rest } = rollout(0, 2, 4);
  await writer.journal.begin(place(0), 1);
  await writer.journal.call('s0t0n0', 1, calls[0]!);
  await until(() => events.some((event) => event.type === 'changed' && event.rollouts.includes('s0t0n0')));
  const open = await viewer.requests.inFlight(null);
  assert.deepEqual([open.ids, [...open.calls], [...open.status]], ['s0t0n0', [1], [3]]);
  assert.equal((await viewer.requests.conversation({ rollout: 's0t0n0' })).status, 'running');
  await writer.seal({ ...rest, calls });
  await until(() => events.some((event) => event.type === 'grown' && event.rollouts === 1));
  assert.equal((await viewer.requests.timeline({ rollout: 's0t0n0' })).calls.length, 2);
  assert.equal((await viewer.requests.inFlight(null)).count, 0);
});

test('a conversation has each message once, and leads to its tokens', async (context) => {
  const { dir } = await someRun(context);
  const viewer = await RunViewer.open(dir, reader);
  const { turns, reward, judge, offered } = await viewer.requests.conversation({ rollout: 's0t0n0' });
  assert.deepEqual(turns.map(({ message }) => message.role), ['system', 'user', 'assistant', 'tool', 'assistant']);
  const { segments } = await viewer.requests.timeline({ rollout: 's0t0n0' });
  for (const { segment, call, message } of turns.filter(({ message }) => message.role === 'assistant')) {
    assert.equal(segments[segment!]!.kind, 'answer', message.content);
    assert.equal(segments[segment!]!.call, call);
  }
  assert.equal(judge!.parts!['form'], 0.5);
  assert.ok(reward !== null);
  assert.equal(offered[0]!.function.name, 'calculator');
});

test('scores of other weights stand at the tokens that were sampled, and nowhere else', async (context) => {
  const { dir } = await someRun(context);
  const viewer = await RunViewer.open(dir, { ...reader, score: async () => [{ call: 1, logprobs: [-1, -2, -3, -4] }] });
  const { logprob } = await viewer.requests.score({ rollout: 's0t0n0', checkpoint: 'c' });
  const { segments, calls } = await viewer.requests.timeline({ rollout: 's0t0n0' });
  const { from, to } = segments[calls[1]!.answer!]!;
  assert.deepEqual(Array.from(logprob.subarray(from, to)), [-1, -2, -3, -4]);
  assert.equal(logprob.filter((one) => !Number.isNaN(one)).length, 4);

  await writeFile(join(dir, 'training.json'), JSON.stringify({ checkpoints: [{ name: 'step-2', directory: 'checkpoints/step-2', step: 2 }] }));
  const asked: string[] = [];
  const ofTraining = await RunViewer.open(dir, { ...reader, score: async (_, __, model) => { asked.push(model); return []; } });
  for (const checkpoint of ['step-2', 'embedded']) await ofTraining.requests.score({ rollout: 's0t0n0', checkpoint });
  assert.deepEqual(asked, [join(dir, 'checkpoints/step-2'), 'embedded'], 'a page knows names, and weights lie in folders');
});

test('over HTTP: the page is strict, the token is asked for, answers keep their arrays, bad questions get a sentence', async (context) => {
  const { dir } = await someRun(context);
  const assets = await folder(context);
  await writeFile(join(assets, 'viewer.js'), '// page');
  const server = await serveViewer({ viewer: await RunViewer.open(dir, reader), assets, focus: { rollout: 's0t0n2' } });
  context.after(() => server.close());
  const { origin, hash } = new URL(server.url);
  const token = hash.slice(1);
  const ask = (method: string, params: unknown, headers: Record<string, string> = { authorization: `Bearer ${token}` }) => fetch(`${origin}/rpc/${method}`, { method: 'POST', body: JSON.stringify(params), headers });

  const page = await fetch(origin);
  assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/);
  assert.ok(!(await page.text()).includes(token));
  assert.equal(await (await fetch(`${origin}/viewer.js`)).text(), '// page');
  assert.equal((await fetch(`${origin}/../package.json`)).status, 401);
  assert.equal((await ask('open', null, {})).status, 401);
  assert.equal((await fetch(`${origin}/events`)).status, 401);

  const opened = decode(new Uint8Array(await (await ask('open', null)).arrayBuffer())) as { focus: unknown; rollouts: number };
  assert.deepEqual([opened.focus, opened.rollouts], [{ rollout: 's0t0n2' }, 3]);
  const columns = decode(new Uint8Array(await (await ask('rollouts', { from: 1 })).arrayBuffer())) as RolloutColumns;
  assert.ok(columns.reward instanceof Float64Array && columns.count === 2);
  const timeline = decode(new Uint8Array(await (await ask('timeline', { rollout: 's0t0n0' })).arrayBuffer())) as Timeline;
  assert.equal(timeline.id.length, timeline.count);

  for (const [method, params, sentence] of [['nothing', null, /no "nothing"/], ['timeline', {}, /rollout/], ['timeline', { rollout: 'x' }, /no rollout x/], ['act', { do: 'rm' }, /"act"/], ['score', { rollout: 's0t0n0', checkpoint: 'c' }, /score/]] as const) {
    const refused = await ask(method, params);
    assert.equal(refused.status, 400, method);
    assert.match(((await refused.json()) as { error: { message: string } }).error.message, sentence);
  }
  const torn = await fetch(`${origin}/rpc/open`, { method: 'POST', body: '{', headers: { authorization: `Bearer ${token}` } });
  assert.equal(torn.status, 400);
});

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !done();) {
    assert.ok(Date.now() < end, 'it did not come to that');
    await sleep(20);
  }
}
