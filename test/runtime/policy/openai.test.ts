import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { openChatPolicy, type ChatPolicyOptions } from '../../../runtime/policy/openai.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown; hang?: boolean };
type Handler = (body: Record<string, unknown>, request: IncomingMessage) => Answer;

const servers: { close: () => void; closeAllConnections: () => void }[] = [];
after(() => servers.forEach((server) => { server.close(); server.closeAllConnections(); }));

/** A real HTTP server that answers what the test says, and what its model list says. */
async function serve(handler: Handler, owner = 'someone'): Promise<{ baseURL: string; bodies: Record<string, unknown>[] }> {
  const bodies: Record<string, unknown>[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    request.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    request.on('end', () => {
      if (request.url === '/v1/models') return void response.end(JSON.stringify({ data: [{ id: 'm', owned_by: owner }] }));
      const body = JSON.parse(text) as Record<string, unknown>;
      bodies.push(body);
      const { status = 200, headers = {}, body: answer, hang } = handler(body, request);
      if (hang) return;
      response.writeHead(status, headers);
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, bodies };
}

const sampling = { temperature: 0.5, topP: 0.9, topK: 20, maxTokens: 32, stop: ['END'], seed: 7 };
const messages = [{ role: 'user' as const, content: 'hi' }];
const completion = (message: object, more: object = {}, top: object = {}): object => (
  { choices: [{ message, finish_reason: 'stop', ...more }], usage: { prompt_tokens: 3, completion_tokens: 2 }, ...top });
const open = (baseURL: string, options: Partial<ChatPolicyOptions> = {}): ReturnType<typeof openChatPolicy> => (
  openChatPolicy({ baseURL, apiKey: 'sk-very-secret', model: 'm', label: 'test:m', ...options }));

async function failure(promise: Promise<unknown>): Promise<TuningForkError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof TuningForkError, String(error));
  return error;
}

test('a completion with thinking and tool calls; only what every server takes is sent', async () => {
  const { baseURL, bodies } = await serve((_, request) => {
    assert.equal(request.headers.authorization, 'Bearer sk-very-secret');
    assert.equal(request.headers['x-team'], 'blue');
    return { body: completion({ content: null, reasoning_content: 'hm', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }] }, { finish_reason: 'tool_calls' }) };
  });
  const tools = [{ type: 'function' as const, function: { name: 'add' } }];
  const answer = await open(baseURL, { headers: { 'x-team': 'blue' } }).complete({ messages: [...messages, { role: 'assistant', content: 'x', reasoning: 'secret thought' }], tools, toolChoice: 'auto', sampling, top: 3 });
  assert.deepEqual(answer, {
    content: '', reasoning: 'hm', finish: 'tool_calls', usage: { prompt: 3, completion: 2 },
    toolCalls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
  });
  assert.deepEqual(bodies, [{
    model: 'm', messages: [messages[0], { role: 'assistant', content: 'x' }], tools, tool_choice: 'auto',
    temperature: 0.5, top_p: 0.9, max_tokens: 32, stop: ['END'], seed: 7,
  }]);
});

test('vLLM is asked for its own ids, and they are taken only when they are whole', async () => {
  const logprob = (...values: unknown[]): object => ({ logprobs: { content: values.map((value) => ({ token: 'x', logprob: value })) } });
  const answers = [
    completion({ content: 'a' }, { token_ids: [4, 5], ...logprob(-0.5, 0) }, { prompt_token_ids: [1, 2, 3] }),
    completion({ content: 'a' }, { token_ids: [4, 5], ...logprob(-0.5) }, { prompt_token_ids: [1, 2, 3] }),
    completion({ content: 'a' }, { token_ids: [4, 5], ...logprob(-0.5, null) }, { prompt_token_ids: [1, 2, 3] }),
    completion({ content: 'a' }, logprob(-0.5, 0)),
  ];
  const { baseURL, bodies } = await serve(() => ({ body: answers.shift() }), 'vllm');
  const policy = open(baseURL);
  const told = [];
  for (let turn = 0; turn < 4; turn++) told.push((await policy.complete({ messages, sampling, top: 2 })).tokens);
  assert.deepEqual(told, [
    { prompt: [1, 2, 3], sampled: [4, 5], logprobs: [-0.5, 0] },
    { prompt: [1, 2, 3], sampled: [4, 5] }, { prompt: [1, 2, 3], sampled: [4, 5] }, undefined,
  ]);
  const { return_token_ids, logprobs, top_logprobs, top_k } = bodies[0]!;
  assert.deepEqual([return_token_ids, logprobs, top_logprobs, top_k], [true, true, 2, 20]);
});

test('passing faults are tried again, as late as the server asks', async () => {
  const statuses = [503, 429, 408, 409];
  const { baseURL, bodies } = await serve(() => {
    const status = statuses.shift();
    return status ? { status, headers: { 'retry-after-ms': '1' }, body: {} } : { body: completion({ content: 'at last' }) };
  });
  assert.equal((await open(baseURL).complete({ messages, sampling })).content, 'at last');
  assert.equal(bodies.length, 5);

  const waiting = await serve(() => ({ status: 429, headers: { 'retry-after': '0.05' }, body: { error: { message: 'slow down' } } }));
  const started = performance.now();
  const error = await failure(open(waiting.baseURL, { retries: 1 }).complete({ messages, sampling }));
  assert.ok(performance.now() - started >= 45);
  assert.equal(error.message, 'test:m answered 429: slow down.');
  assert.match(error.next!, /concurrency/);
});

test('what will not pass fails at once, in the server\'s words, with a next step and without the key', async () => {
  const cases: [Answer, RegExp, RegExp, string][] = [
    [{ status: 401, body: { error: { message: 'Incorrect key sk-very-secret given' } } }, /^test:m answered 401: Incorrect key \*\*\* given\.$/, /Set TEST_KEY/, 'provider'],
    [{ status: 404, body: { error: 'no model m' } }, /answered 404: no model m\./, /model name "m"/, 'provider'],
    [{ status: 400, body: { error: { message: 'too long', code: 'context_length_exceeded' } } }, /too long/, /Shorten/, 'context-length'],
    [{ status: 429, body: { error: { message: 'no money', code: 'insufficient_quota' } } }, /no money/, /quota/, 'provider'],
    [{ status: 422, body: { detail: 'bad field' } }, /answered 422: bad field\./, /^$/, 'provider'],
    [{ body: 'pong' }, /not JSON/, /^$/, 'provider'],
    [{ body: { choices: [] } }, /did not answer with a chat completion/, /^$/, 'provider'],
  ];
  for (const [answer, message, next, code] of cases) {
    const { baseURL, bodies } = await serve(() => answer);
    const error = await failure(open(baseURL, { apiKeyEnv: 'TEST_KEY' }).complete({ messages, sampling }));
    assert.match(error.message, message);
    assert.match(error.next ?? '', next);
    assert.equal(error.code, code);
    assert.equal(bodies.length, 1);
    assert.ok(!`${error.message} ${error.next} ${error.stack}`.includes('sk-very-secret'));
  }
});

test('a server that is not there, one that never answers, and an abort', async () => {
  const password = await failure(open('http://me:password@127.0.0.1:8099/v1').complete({ messages, sampling }));
  assert.ok(!`${password.message}${password.next}`.includes('password'));

  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const gone = await failure(open(`http://127.0.0.1:${port}/v1`).complete({ messages, sampling }));
  assert.equal(gone.message, `test:m refused the connection at http://127.0.0.1:${port}/v1.`);
  assert.equal(gone.next, `Is the server at http://127.0.0.1:${port}/v1 running?`);

  const silent = await serve(() => ({ hang: true }));
  const late = await failure(open(silent.baseURL, { timeoutMs: 30, retries: 0 }).complete({ messages, sampling }));
  assert.match(late.message, /did not answer within/);

  const stop = new AbortController();
  const call = open(silent.baseURL).complete({ messages, sampling, signal: stop.signal });
  setTimeout(() => stop.abort(new Error('enough')), 20);
  await assert.rejects(call, /enough/);
});

test('a model that refuses a sampling setting is not sent it again', async () => {
  const { baseURL, bodies } = await serve((body) => {
    const refuse = (param: string): Answer => ({ status: 400, body: { error: { message: `no ${param}`, code: 'unsupported_parameter', param } } });
    if ('max_tokens' in body) return refuse('max_tokens');
    if ('temperature' in body) return refuse('temperature');
    return { body: completion({ content: 'ok' }) };
  });
  const policy = open(baseURL);
  await policy.complete({ messages, sampling });
  await policy.complete({ messages, sampling });
  assert.equal(bodies.length, 4);
  assert.equal(bodies[3]!.max_completion_tokens, 32);
});
