import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { openPolicy } from '../../../runtime/policy/open.ts';
import type { TokenPolicy } from '../../../runtime/policy/policy.ts';
import { isLoopback, serveModel, type ModelServer, type Served, type ServeOptions } from '../../../runtime/serve/server.ts';
import { ADD_TOOL, bytesOf, formatOf, IM_END, ToldPolicy, user, type Json, type Script } from '../gateway/world.ts';

type Message = OpenAI.ChatCompletionMessageParam;
const CALL = 'First. <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const question = [user('q') as Message];

interface TestServer extends AsyncDisposable {
  server: ModelServer;
  policy: ToldPolicy;
  openai: OpenAI;
  log: Served[];
  post(body: string | object, headers?: Record<string, string>): Promise<{ status: number; json: Json }>;
}

async function served(script: Script | string = 'hello', options: Partial<ServeOptions> = {}): Promise<TestServer> {
  const policy = new ToldPolicy(await formatOf(), typeof script === 'string' ? () => script : script);
  const log: Served[] = [];
  const server = await serveModel({ policy, onServed: (request) => void log.push(request), ...options });
  return {
    server, policy, log, openai: new OpenAI({ baseURL: server.baseURL, apiKey: server.apiKey, maxRetries: 0 }),
    async post(body, headers = {}) {
      const response = await fetch(`${server.baseURL}/chat/completions`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { authorization: `Bearer ${server.apiKey}`, ...headers } });
      return { status: response.status, json: await response.json() };
    },
    [Symbol.asyncDispose]: () => server.drain(),
  };
}

let embedded: TokenPolicy;
before(async () => {
  const policy = await openPolicy('embedded', { dir: '.' });
  assert.equal(policy.kind, 'tokens');
  embedded = policy as TokenPolicy;
});
after(() => embedded.close());

test('the openai package gets the same answer streamed and not', async () => {
  await using s = await served(`<think>hm</think>${CALL}`);
  const ask = { model: 'any', messages: question, tools: [ADD_TOOL as OpenAI.ChatCompletionTool], logprobs: true };
  const whole = await s.openai.chat.completions.create(ask);
  const streamed = await s.openai.chat.completions.stream({ ...ask, stream_options: { include_usage: true } }).finalChatCompletion();
  const [one, other] = [whole.choices[0]!, streamed.choices[0]!];
  assert.deepEqual([one.message.content, one.finish_reason, whole.model], ['First.', 'tool_calls', 'told']);
  assert.deepEqual([other.message.content, other.finish_reason, streamed.usage, streamed.model], ['First.', 'tool_calls', whole.usage, 'told']);
  assert.deepEqual(other.logprobs, one.logprobs);
  const calls = [one, other].map(({ message }) => message.tool_calls![0] as OpenAI.ChatCompletionMessageFunctionToolCall);
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)), [{ a: 1, b: 2 }, { a: 1, b: 2 }]);
  assert.notEqual(calls[0]!.id, calls[1]!.id);
});

test('tokens are streamed while the next ones are sampled', async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const policy = new ToldPolicy(await formatOf(), () => '');
  policy.sample = async ({ onToken }) => {
    const ids = [...bytesOf('now later'), IM_END];
    for (const [index, id] of ids.entries()) {
      if (index === 3) await gate.promise;
      onToken?.(id, -1);
    }
    return { ids, logprobs: ids.map(() => -1), finish: 'stop', version: 0, cached: 0 };
  };
  await using server = Object.assign(await serveModel({ policy }), { async [Symbol.asyncDispose]() { await server.drain(); } });
  const openai = new OpenAI({ baseURL: server.baseURL, apiKey: server.apiKey });
  for await (const { choices: [choice] } of await openai.chat.completions.create({ model: 'm', messages: question, stream: true })) {
    if (choice?.delta.content) seen.push(choice.delta.content);
    // Only now may the rest be sampled: without streaming this would hang.
    if (seen.join('') === 'now') gate.resolve();
  }
  assert.equal(seen.join(''), 'now later');
});

test('every sampled token stands in exactly one chunk, with its logprob and alternatives', async () => {
  const openai = await openEmbedded();
  await using _ = openai;
  const ask = { model: 'm', messages: [user('Numbers: 3 5 8. Target: 16.') as Message], seed: 5, logprobs: true, top_logprobs: 2, return_token_ids: true };
  const whole = await openai.client.chat.completions.create(ask) as Json; // vLLM's return_token_ids is not in the types
  const chunks: Json[] = [];
  for await (const chunk of await openai.client.chat.completions.create({ ...ask, stream: true })) chunks.push(chunk);
  const choices = chunks.map((chunk) => chunk.choices[0]);
  assert.deepEqual(choices.flatMap((choice) => choice.token_ids ?? []), whole.choices[0].token_ids);
  assert.deepEqual(choices.flatMap((choice) => choice.logprobs?.content ?? []), whole.choices[0].logprobs.content);
  assert.ok(whole.choices[0].logprobs.content.every((token: Json) => token.top_logprobs.length === 2 && token.logprob <= 0));
  assert.deepEqual(chunks[0].prompt_token_ids, whole.prompt_token_ids);
});

async function openEmbedded(): Promise<AsyncDisposable & { client: OpenAI; server: ModelServer }> {
  const server = await serveModel({ policy: embedded });
  return { server, client: new OpenAI({ baseURL: server.baseURL, apiKey: server.apiKey, maxRetries: 0 }), [Symbol.asyncDispose]: () => server.drain() };
}

test('sixteen clients at once get what each would get alone', async () => {
  const served = await openEmbedded();
  await using _ = served;
  const ask = (index: number, stream: boolean): Promise<string> => {
    const body = { model: 'm', messages: [user(`Numbers: ${index} 5 8. Target: 16.`) as Message], seed: index, max_tokens: 40, logprobs: true };
    const read = ({ choices: [choice] }: OpenAI.ChatCompletion): string => JSON.stringify([choice!.message.content, choice!.finish_reason, choice!.logprobs!.content]);
    return stream ? served.client.chat.completions.stream(body).finalChatCompletion().then(read) : served.client.chat.completions.create(body).then(read);
  };
  const together = await Promise.all(Array.from({ length: 16 }, (_, index) => ask(index, index % 2 === 1)));
  for (const index of [0, 5, 10, 15]) assert.equal(await ask(index, index % 2 === 0), together[index]);
  assert.equal(new Set(together).size, 16);
});

test('a seed fixes the answer; without one, equal requests are sampled anew', async () => {
  const { client, server } = await openEmbedded();
  const ask = async (more: object): Promise<string | null> => (await client.chat.completions.create({ model: 'm', messages: [user('hello') as Message], max_tokens: 30, ...more })).choices[0]!.message.content;
  try {
    // Hot enough for any policy to be of several minds; often enough that one which says the same 2 times in 3 is not always of one.
    assert.equal(await ask({ temperature: 2, seed: 1 }), await ask({ temperature: 2, seed: 1 }));
    assert.equal(await ask({ temperature: 0 }), await ask({ temperature: 0 }));
    assert.ok(new Set(await Promise.all(Array.from({ length: 40 }, () => ask({ temperature: 2, max_tokens: 4 })))).size > 1);
  } finally {
    await server.drain();
  }
});

test('a conversation goes on from the ids that were sampled, also when it comes back rewritten', async () => {
  await using s = await served((_, text) => (text.includes('tool_response') ? bytesOf('the answer').concat(IM_END) : bytesOf(CALL).concat(IM_END)));
  const tools = [ADD_TOOL as OpenAI.ChatCompletionTool];
  const first = (await s.openai.chat.completions.create({ model: 'm', messages: question, tools })).choices[0]!.message;
  const [call] = first.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[];
  // As frameworks do: the text is lost, the arguments are written anew.
  const echo = { role: 'assistant' as const, content: null, tool_calls: [{ ...call!, function: { name: 'add', arguments: '{"b":2,  "a":1}' } }] };
  const messages: Message[] = [...question, echo, { role: 'tool', tool_call_id: call!.id, content: '3' }];
  const second = (await s.openai.chat.completions.create({ model: 'm', messages, tools })).choices[0]!.message;
  await s.openai.chat.completions.create({ model: 'm', messages: [...messages, { role: 'assistant', content: second.content }, user('more') as Message], tools });
  const [a, b, c] = s.policy.requests.map(({ prompt }) => [...prompt]);
  const after = (prompt: number[], ids: number[]): number[] => [...prompt, ...ids, IM_END];
  assert.deepEqual(b!.slice(0, a!.length + bytesOf(CALL).length + 1), after(a!, bytesOf(CALL)));
  assert.deepEqual(c!.slice(0, b!.length + bytesOf('the answer').length + 1), after(b!, bytesOf('the answer')));
  // The tokenizer itself would have written it with fewer ids.
  assert.ok(s.policy.tokenizer.encode(CALL).length < bytesOf(CALL).length);
});

test('stop strings, length and an answer that must be JSON', async () => {
  await using s = await served('{"a": 1} STOP and more');
  const stopped = await s.post({ messages: question, stop: ' STOP', response_format: { type: 'json_object' } });
  assert.deepEqual([stopped.json.choices[0].message.content, stopped.json.choices[0].finish_reason, stopped.json.choices[0].message.malformed], ['{"a": 1}', 'stop', undefined]);
  const cut = await s.post({ messages: question, max_tokens: 3, response_format: { type: 'json_object' } });
  assert.equal(cut.json.choices[0].finish_reason, 'length');
  assert.match(cut.json.choices[0].message.malformed, /not the JSON/);
  assert.deepEqual(s.log.map(({ finish }) => finish), ['stop', 'length']);
});

test('a wrong key, another host and unknown places are refused in words the openai package knows', async () => {
  await using s = await served();
  const wrong = new OpenAI({ baseURL: s.server.baseURL, apiKey: `${s.server.apiKey}x`, maxRetries: 0 });
  await assert.rejects(wrong.chat.completions.create({ model: 'm', messages: question }), (error) => error instanceof AuthenticationError && error.code === 'invalid_api_key');
  await assert.rejects(wrong.models.list(), AuthenticationError);
  await assert.rejects(s.openai.responses.create({ model: 'm', input: 'q' }), (error) => error instanceof NotFoundError && /chat\/completions/.test(error.message));
  await assert.rejects(s.openai.models.retrieve('other'), NotFoundError);
  assert.equal((await s.openai.models.retrieve('told')).id, 'told');
  assert.deepEqual((await s.openai.models.list()).data.map(({ id }) => id), ['told']);
  assert.equal(await statusOf(s.server, '/v1/models', { host: 'evil.example' }), 403);
  assert.equal(await statusOf(s.server, '/v1/models', { host: 'localhost:1' }), 200);
  assert.equal(await statusOf(s.server, '/v1/chat/completions', {}), 405);
  const health = await fetch(s.server.baseURL.replace('/v1', '/health'));
  assert.deepEqual(await health.json(), { status: 'ok', model: 'told', calls: 0 });
  assert.equal(s.policy.requests.length, 0);
});

function statusOf({ baseURL, apiKey }: ModelServer, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(new URL(path, baseURL), { headers: { authorization: `Bearer ${apiKey}`, ...headers } }, (response) => resolve(response.resume().statusCode!)).on('error', reject).end();
  });
}

test('hostile bodies get an error with its place, and the next request is answered', async () => {
  await using s = await served('fine', { bodyLimit: 50_000 });
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const bodies: [string, number][] = [
    ['', 400], ['{', 400], ['null', 400], ['[]', 400], ['{"messages": 3}', 400], ['{"messages": []}', 400], [deep, 400],
    [`{"messages": ${deep}}`, 400], ['{"messages": [{"role": "god", "content": "x"}]}', 400], ['{"messages": [{"role": "user", "content": {"__proto__": 1}}]}', 400],
    [`{"messages": [{"role": "user", "content": "${'x'.repeat(20_000)}"}]}`, 400], [`{"messages": [{"role": "user", "content": "${'x'.repeat(60_000)}"}]}`, 413],
    ['{"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}', 400], ['{"messages": [{"role": "user", "content": "x"}], "temperature": -1}', 400],
    ['{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}', 400], ['{"messages": [{"role": "user", "content": "x"}], "n": 3}', 400],
    ['{"messages": [{"role": "user", "content": "x"}], "stop": [""]}', 400], ['{"messages": [{"role": "user", "content": "x"}], "top_logprobs": 99, "logprobs": true}', 400],
  ];
  for (const [body, status] of bodies) {
    const answer = await s.post(body);
    assert.equal(answer.status, status, body.slice(0, 60));
    assert.ok(answer.json.error.message.length > 10);
  }
  assert.equal((await s.post({ messages: question })).json.choices[0].message.content, 'fine');
  await garbage(s.server, 'GARBAGE\r\n\r\n', /400 Bad Request/);
  await assert.rejects(s.openai.chat.completions.create({ model: 'm', messages: [user('x'.repeat(20_000)) as Message], stream: true }), (error) => error instanceof BadRequestError && error.code === 'context_length_exceeded');
});

function garbage({ baseURL }: ModelServer, bytes: string, expected: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(baseURL).port), '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (data) => (answer += String(data))).on('error', reject).on('close', () => {
      try {
        assert.match(answer, expected);
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

test('who goes away frees the place of its call', async () => {
  let aborted = false;
  await using s = await served(({ signal }) => new Promise((_, reject) => signal!.addEventListener('abort', () => {
    aborted = true;
    reject(new Error('aborted'));
  })));
  const leaving = new AbortController();
  const asked = s.openai.chat.completions.create({ model: 'm', messages: question }, { signal: leaving.signal });
  await until(() => s.server.calls === 1);
  leaving.abort();
  await assert.rejects(asked);
  await until(() => s.server.calls === 0);
  assert.ok(aborted);
  assert.deepEqual(s.log.map(({ left }) => left), [true]);
});

test('a model that fails tells so, in a stream as well, and is told in the log', async () => {
  await using s = await served(({ onToken }) => {
    onToken?.(65, -1);
    throw new Error('the weights are gone');
  });
  await assert.rejects(s.openai.chat.completions.create({ model: 'm', messages: question }), (error) => error instanceof APIError && error.status === 500 && /told failed: .*the weights are gone/.test(error.message));
  const stream = await s.openai.chat.completions.create({ model: 'm', messages: question, stream: true });
  await assert.rejects(async () => { for await (const _ of stream); }, /the weights are gone/);
  assert.deepEqual(s.log.map(({ status, error }) => [status, /weights are gone/.test(error!.message)]), [[500, true], [200, true]]);
});

test('more calls than can wait are asked to come again, and do', async () => {
  const gate = Promise.withResolvers<void>();
  await using s = await served(async () => {
    await gate.promise;
    return 'ok';
  });
  const openai = s.openai.withOptions({ maxRetries: 5 });
  const all = Array.from({ length: 256 }, () => s.post({ messages: question }));
  await until(() => s.server.calls === 256);
  const late = await s.post({ messages: question });
  assert.deepEqual([late.status, late.json.error.code], [429, 'rate_limit_exceeded']);
  const repeated = openai.chat.completions.create({ model: 'm', messages: question });
  await sleep(50);
  gate.resolve();
  assert.equal((await repeated).choices[0]!.message.content, 'ok');
  assert.ok((await Promise.all(all)).every(({ status }) => status === 200));
});

test('draining ends what is under way and takes nothing new', async () => {
  const gate = Promise.withResolvers<void>();
  await using s = await served(async () => {
    await gate.promise;
    return 'to the end';
  });
  const whole = s.openai.chat.completions.create({ model: 'm', messages: question });
  const stream = s.openai.chat.completions.stream({ model: 'm', messages: question }).finalChatCompletion();
  await until(() => s.server.calls === 2);
  let over = false;
  const drained = s.server.drain().then(() => void (over = true));
  await assert.rejects(fetch(`${s.server.baseURL}/models`));
  assert.equal(over, false);
  gate.resolve();
  assert.equal((await whole).choices[0]!.message.content, 'to the end');
  assert.equal((await stream).choices[0]!.message.content, 'to the end');
  await drained;
});

test('a port that is taken is told', async () => {
  await using s = await served();
  const port = Number(new URL(s.server.baseURL).port);
  await assert.rejects(serveModel({ policy: s.policy, port }), { code: 'usage', message: `127.0.0.1:${port} is taken by another server.` });
  await assert.rejects(serveModel({ policy: s.policy, host: '203.0.113.1' }), { code: 'usage', message: 'This machine has no address 203.0.113.1.' });
});

test('which addresses only this machine reaches', () => {
  assert.deepEqual(['127.0.0.1', '127.9.9.9', 'localhost', '::1'].map(isLoopback), [true, true, true, true]);
  assert.deepEqual(['0.0.0.0', '::', '192.168.0.1', '127.evil.example', 'example.org', ''].map(isLoopback), Array(6).fill(false));
});

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited++) {
    if (waited > 2_000) throw new Error('It did not happen within 10 s.');
    await sleep(5);
  }
}
