import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import OpenAI from 'openai';
import { place, user, world, type Script, type World } from './world.ts';

const body = { model: 'm', messages: [user('q')] };

/** Answers wait until they are let go; each says its number. */
function gate(): { script: Script; open: () => void } {
  const opened = Promise.withResolvers<void>();
  let count = 0;
  return {
    script: async () => {
      const mine = count++;
      await opened.promise;
      return `answer ${mine}`;
    },
    open: opened.resolve,
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let wait = 0; !condition(); wait++) {
    assert.ok(wait < 2000, 'it never came');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Sends a request and breaks the connection once the policy was asked. */
async function giveUp(w: World, headers: Record<string, string> = {}): Promise<void> {
  const before = w.policy.requests.length;
  const abort = new AbortController();
  const call = w.post(body, { signal: abort.signal, headers }).catch(() => {});
  await until(() => w.policy.requests.length > before);
  abort.abort();
  await call;
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test('after a broken connection the same request takes the answer over', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  await giveUp(w);
  const again = w.post(body);
  open();
  assert.equal((await again).json.choices[0].message.content, 'answer 0');
  assert.equal(w.policy.requests.length, 1);
  assert.equal(w.gateway.close(place(), 1)[0]!.why, undefined);
});

test('an answer that was finished meanwhile is kept', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  await giveUp(w);
  open();
  await until(() => w.journal.length === 1);
  assert.equal((await w.post(body)).json.choices[0].message.content, 'answer 0');
  assert.equal((await w.post(body)).json.choices[0].message.content, 'answer 1');
  assert.deepEqual(w.gateway.close(place(), 1).map((call) => call.why), [undefined, undefined]);
});

test('an answer that nobody comes back for is undelivered', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  await giveUp(w);
  open();
  await until(() => w.journal.length === 1);
  await w.post({ ...body, messages: [user('another')] });
  assert.deepEqual(w.gateway.close(place(), 1).map((call) => call.why), ['undelivered', undefined]);
});

test('another body, another role, another rollout: another call', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  await giveUp(w);
  open();
  const other = w.open({ place: place({ rollout: 's0t0n1' }) });
  const answers = await Promise.all([w.post({ ...body, temperature: 0 }), w.post(body, { role: 'judge' }), w.post(body, { session: other })]);
  assert.deepEqual(answers.map((answer) => answer.json.choices[0].message.content).sort(), ['answer 1', 'answer 2', 'answer 3']);
});

test('equal requests side by side are calls of their own', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  const calls = Array.from({ length: 4 }, () => w.post(body));
  await until(() => w.policy.requests.length === 4);
  open();
  const said = (await Promise.all(calls)).map((answer) => answer.json.choices[0].message.content);
  assert.deepEqual(said.sort(), ['answer 0', 'answer 1', 'answer 2', 'answer 3']);
  assert.equal(new Set(w.policy.requests.map((request) => request.key)).size, 4);
});

test('a repetition that overtakes the end of its first connection waits for it a moment', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  const abort = new AbortController();
  const first = w.post(body, { signal: abort.signal }).catch(() => {});
  await until(() => w.policy.requests.length === 1);
  const again = w.post(body, { headers: { 'x-stainless-retry-count': '1' } });
  setTimeout(() => abort.abort(), 30);
  await first;
  open();
  assert.equal((await again).json.choices[0].message.content, 'answer 0');
  assert.equal(w.policy.requests.length, 1);
});

test('a repetition does not take an answer from somebody who still waits', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  const waiting = w.post(body);
  await until(() => w.policy.requests.length === 1);
  const other = w.post(body, { headers: { 'x-stainless-retry-count': '1' } });
  await until(() => w.policy.requests.length === 2);
  open();
  const said = (await Promise.all([waiting, other])).map((answer) => answer.json.choices[0].message.content);
  assert.deepEqual(said, ['answer 0', 'answer 1']);
});

test('an idempotency key names a call, however often and from wherever it is sent', async () => {
  const { script, open } = gate();
  await using w = await world(script);
  const headers = { 'idempotency-key': 'k1' };
  await giveUp(w, headers);
  const both = [w.post(body, { headers }), w.post(body, { headers })];
  const other = w.post(body, { headers: { 'idempotency-key': 'k2' } });
  await until(() => w.policy.requests.length === 2);
  open();
  assert.deepEqual((await Promise.all(both)).map((answer) => answer.json.choices[0].message.content), ['answer 0', 'answer 0']);
  assert.equal((await other).json.choices[0].message.content, 'answer 1');
  assert.equal((await w.post(body, { headers })).json.choices[0].message.content, 'answer 0');
  const wrong = await w.post({ ...body, temperature: 0 }, { headers });
  assert.equal(wrong.status, 409);
  assert.match(wrong.json.error.message, /Use a new key/);
  assert.equal(w.journal.length, 2);
});

test('a failed call may be tried again under its key', async () => {
  let fail = true;
  await using w = await world(() => {
    if (fail) throw new Error('hiccup');
    return 'fine';
  });
  const headers = { 'idempotency-key': 'k' };
  const first = await w.post(body, { headers });
  assert.deepEqual([first.status, first.headers.get('x-should-retry')], [500, 'true']);
  fail = false;
  assert.equal((await w.post(body, { headers })).json.choices[0].message.content, 'fine');
});

test('the openai package repeats after a broken socket: answered once, sampled once, recorded once', async () => {
  let kill = (): void => {};
  await using w = await world(() => new Promise((resolve) => {
    kill();
    setTimeout(resolve, 50, 'sampled once');
  }));
  let first = true;
  const openai = new OpenAI({
    baseURL: `${w.session.url}/role/main/v1`, apiKey: w.session.apiKey, maxRetries: 2,
    fetch: async (url, init) => {
      if (!first) return fetch(url, init);
      first = false;
      return new Promise((_, reject) => {
        const { headers, body: text, method } = init!;
        const outgoing = httpRequest(url as string, { method: method!, headers: Object.fromEntries(new Headers(headers)) });
        outgoing.on('error', reject);
        kill = () => void outgoing.destroy(new Error('the cable'));
        outgoing.end(text);
      });
    },
  });
  const answer = await openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'q' }] });
  assert.equal(answer.choices[0]!.message.content, 'sampled once');
  assert.equal(w.policy.requests.length, 1);
  assert.deepEqual(w.gateway.close(place(), 1).map((call) => call.why), [undefined]);
});

test('an answer written to a client that had already gone is offered to its repetition', async () => {
  await using w = await world('hello');
  const url = new URL(`${w.session.url}/role/main/v1/chat/completions`);
  const text = JSON.stringify(body);
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.end(`POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${w.session.apiKey}\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
  await new Promise((resolve) => socket.on('close', resolve).resume());
  // Without saying that it is a repetition, the same request is a new call.
  await w.post(body);
  assert.equal(w.policy.requests.length, 2);
  const again = await w.post(body, { headers: { 'x-stainless-retry-count': '1' } });
  assert.equal(again.json.id, w.journal[0]!.id);
  assert.equal(w.policy.requests.length, 2);
});
