import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { encodeStack, SITE_HEADER } from '../../../runtime/protocol/site.ts';
import { place, user, world, type Json, type World } from './world.ts';

const body = { messages: [user('hi')] };

interface Raw {
  status: number;
  json: Json;
}

/** One request as it stands, over a socket of its own. */
function raw(w: World, text: string, { end = true } = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(Number(new URL(w.gateway.url).port), '127.0.0.1');
    socket.on('data', (data) => void (received += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve({ status: Number(received.slice(9, 12)), json: JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4)) }));
    if (end) socket.end(text);
    else socket.write(text);
  });
}

test('every wrong door says where the right one is', async () => {
  await using w = await world();
  const headers = { authorization: `Bearer ${w.gateway.token}` };
  const base = `${w.session.url}/role/main/v1`;
  const cases: [url: string, init: RequestInit, status: number, says: RegExp][] = [
    [`${base}/chat/completions`, { method: 'POST' }, 401, /API key is missing or wrong/],
    [`${base}/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${w.gateway.token}x` } }, 401, /API key/],
    [`${base}/chat/completions`, { method: 'POST', headers: { authorization: `bearer ${'a'.repeat(43)}` } }, 401, /API key/],
    [`${base}/chat/completions`, { headers }, 405, /Use POST/],
    [`${base}/models`, { method: 'POST', headers }, 405, /Use GET/],
    [`${base}/responses`, { method: 'POST', headers, body: '{}' }, 404, /useResponses: false/],
    [`${w.gateway.url}/v1/chat/completions`, { headers }, 404, /baseURL of the tuner/],
    [`${w.gateway.url}/run/r%2e1/rollout/x/attempt/1/role/main/v1/models`, { headers }, 404, /letters, digits/],
    [`${w.gateway.url}/run/r1/rollout/${'x'.repeat(65)}/attempt/1/role/main/v1/models`, { headers }, 404, /at most 64/],
    [`${w.gateway.url}/run/r1/rollout/other/attempt/1/role/main/v1/models`, { headers }, 404, /no rollout other/],
    [`${w.session.url}/role/${encodeURIComponent('a\u0000b')}/v1/models`, { headers }, 404, /printable/],
    [`${w.session.url}/role/%ff/v1/models`, { headers }, 404, /printable/],
  ];
  for (const [url, init, status, says] of cases) {
    const response = await fetch(url, init);
    const { error } = await response.json() as Json;
    assert.equal(response.status, status, url);
    assert.match(error.message, says);
    assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    assert.equal(response.headers.get('access-control-allow-origin'), null);
  }
});

test('the key may also come as x-api-key, and models are listed', async () => {
  await using w = await world();
  const response = await fetch(`${w.session.url}/role/main/v1/models`, { headers: { 'x-api-key': w.gateway.token } });
  assert.equal(((await response.json()) as Json).data[0].id, 'tuning-fork');
});

test('a page with a re-bound name is refused', async () => {
  await using w = await world();
  const path = new URL(`${w.session.url}/role/main/v1/models`).pathname;
  const answer = await raw(w, `GET ${path} HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer ${w.gateway.token}\r\n\r\n`);
  assert.equal(answer.status, 403);
  assert.match(answer.json.error.message, /"evil.example" is not this server/);
});

test('garbage, headers without end and bodies without end get an answer and hurt nobody', async () => {
  await using w = await world('hello', { gateway: { bodyLimit: 1000 } });
  assert.equal((await raw(w, 'what is this\r\n\r\n')).status, 400);
  const path = new URL(`${w.session.url}/role/main/v1/chat/completions`).pathname;
  const head = `POST ${path} HTTP/1.1\r\nhost: ${new URL(w.gateway.url).host}\r\nauthorization: Bearer ${w.gateway.token}\r\n`;
  const told = await raw(w, `${head}content-length: 5000\r\n\r\n{`, { end: false });
  assert.equal(told.status, 413);
  const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
  assert.equal((await raw(w, `${head}transfer-encoding: chunked\r\n\r\n${chunk}`, { end: false })).status, 413);
  // These never finish; the others are answered meanwhile.
  const stuck = Array.from({ length: 50 }, () => {
    const socket = connect(Number(new URL(w.gateway.url).port), '127.0.0.1');
    socket.write(`${head}content-length: 500\r\n\r\n{"mess`);
    return socket;
  });
  assert.equal((await w.post(body)).status, 200);
  for (const socket of stuck) socket.destroy();
  assert.equal(w.journal.length, 1);
});

test('a rollout that is over answers 410 with the reason; another attempt is another rollout', async () => {
  await using w = await world();
  await w.post(body);
  assert.deepEqual(w.gateway.close(place(), 1).map((call) => call.index), [0]);
  assert.deepEqual(w.gateway.close(place(), 1), []);
  const late = await w.post(body);
  assert.equal(late.status, 410);
  assert.match(late.json.error.message, /Attempt 1 of rollout s0t0n0 is over/);
  const second = w.open({ attempt: 2 });
  assert.equal((await w.post(body, { session: second })).status, 200);
  assert.equal(second.calls.length, 1);
});

test('roles are percent-encoded, and the site of the call is kept', async () => {
  await using w = await world();
  const site = { file: '/work/prüfung/agent.ts', line: 12, column: 3 };
  await w.post(body, { role: 'judge: der Prüfer', headers: { [SITE_HEADER]: encodeStack([{ ...site, key: 'Agent.ask' }]) } });
  assert.equal(w.journal[0]!.role, 'judge: der Prüfer');
  assert.deepEqual(w.journal[0]!.site, site);
  await w.post(body, { headers: { [SITE_HEADER]: 'nonsense' } });
  assert.equal(w.journal[1]!.site, undefined);
});

test('stopping cuts off what is under way', async () => {
  await using w = await world(() => new Promise(() => {}));
  const call = w.post(body).catch((error: Error) => error);
  while (w.policy.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await w.gateway.stop();
  const ended = await call;
  assert.ok(ended instanceof Error || ended.status === 410);
  assert.equal(w.session.calls[0]!.why, 'undelivered');
});
