import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';
import type { ChatAnswer, ChatPolicy, ChatRequest } from '../../../runtime/policy/policy.ts';
import { ADD_TOOL, assertAsSeen, assistant, bytesOf, IM_END, place, promptOf, tool, user, world, type Json, type World } from './world.ts';

const ask = { messages: [user('q')] };
const eager = { temperature: 0.2, top_p: 0.5, top_k: 3, max_tokens: 1000, seed: 5 };

test('a role in training is sampled as configured; a client may only ask for less', async () => {
  await using w = await world();
  await w.post({ ...ask, ...eager });
  await w.post({ ...ask, max_completion_tokens: 3, stop: 'x' });
  assert.deepEqual(w.journal.map((call) => call.sampling), [{ temperature: 1, topP: 1, topK: 0, maxTokens: 256 }, { temperature: 1, topP: 1, topK: 0, maxTokens: 3, stop: ['x'] }]);
  assert.deepEqual(w.policy.requests.map((request) => request.sampling), w.journal.map((call) => call.sampling));
});

test('elsewhere the client decides where it says something', async () => {
  await using w = await world('x', { session: { mode: 'eval' } });
  await w.post({ ...ask, ...eager });
  await w.post({ ...ask, temperature: 0 });
  assert.deepEqual(w.journal.map((call) => call.sampling), [{ temperature: 0.2, topP: 0.5, topK: 3, maxTokens: 1000, seed: 5 }, { temperature: 0, topP: 1, topK: 0, maxTokens: 256 }]);
  await using other = await world('x');
  const critic = other.open({ place: place({ rollout: 'other' }), route: () => ({ policy: other.policy, target: false, label: 'told' }) });
  await other.post({ ...ask, ...eager }, { session: critic });
  assert.equal(other.journal[0]!.sampling.temperature, 0.2);
});

test('the room that is left bounds the answer, and a prompt without room is an error the agent can react to', async () => {
  await using w = await world('abcdefgh'.repeat(9), { session: { maxModelLength: 50 } });
  await w.post(ask);
  const { usage, sampling, finish } = w.journal[0]!;
  assert.deepEqual([usage.prompt + usage.completion, sampling.maxTokens, finish], [50, 50 - usage.prompt, 'length']);
  const full = await w.post({ messages: [user('x'.repeat(50))] });
  assert.deepEqual([full.status, full.json.error.code, full.headers.get('x-should-retry')], [400, 'context_length_exceeded', 'false']);
  assert.match(full.json.error.message, /^This model's maximum context length is 50 tokens\. However, your messages resulted in \d+ tokens\. Shorten/);
});

test('the same place, role and prompt give the same keys, whatever the timing', async () => {
  const keys = async (more: object, run: (w: World) => Promise<unknown>): Promise<bigint[]> => {
    await using w = await world('x', { session: { place: place(more) } });
    await run(w);
    return w.policy.requests.map((request) => request.key);
  };
  const both = [user('a'), user('b')].map((message) => ({ messages: [message] }));
  const inOrder = await keys({}, async (w) => { for (const body of [...both, both[0]!]) await w.post(body); });
  const reversed = await keys({}, async (w) => { for (const body of [both[0]!, both[0]!, both[1]!]) await w.post(body); });
  assert.equal(new Set(inOrder).size, 3);
  assert.deepEqual(reversed, [inOrder[0], inOrder[2], inOrder[1]]);
  for (const more of [{ sample: 1 }, { step: 1 }, { taskId: 'other' }]) {
    assert.notEqual((await keys(more, (w) => w.post(both[0]!)))[0], inOrder[0]);
  }
  assert.deepEqual(await keys({ run: 'r2', rollout: 'x' }, (w) => w.post(both[0]!)), [inOrder[0]]);
  assert.notEqual((await keys({}, (w) => w.post(both[0]!, { role: 'other' })))[0], inOrder[0]);
});

test("outside training a client's seed gives the same answer again", async () => {
  await using w = await world('x', { session: { mode: 'eval' } });
  for (const seed of [1, 1, 2]) await w.post({ ...ask, seed });
  const [a, b, c] = w.policy.requests.map((request) => request.key);
  assert.ok(a === b && b !== c);
  assert.equal(new Set(w.journal.map((call) => call.id)).size, 3);
});

test('what could not be read as a tool call is text, with the reason beside it', async () => {
  await using w = await world('<tool_call>\n{"name": "add", "arguments": {"a": \n</tool_call>');
  const answer = await w.post({ ...ask, tools: [ADD_TOOL] });
  const { message, finish_reason: finish } = answer.json.choices[0];
  assert.equal(finish, 'stop');
  assert.match(message.content, /<tool_call>/);
  assert.ok(message.malformed.length > 10);
  assert.equal(w.journal[0]!.malformed, message.malformed);
  await w.post({ messages: [user('q'), message, user('again, please')], tools: [ADD_TOOL] });
  assert.equal(w.journal[1]!.continuation, 'continued');
  const streamed = await w.post({ ...ask, tools: [ADD_TOOL], stream: true });
  assert.match(streamed.text, /"delta":\{"malformed":"/);
});

test('finish_reason and usage tell what happened', async () => {
  const call = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
  await using w = await world(() => ({ ids: [...bytesOf(call), IM_END], cached: 2 }));
  const whole = await w.post({ ...ask, tools: [ADD_TOOL] });
  assert.equal(whole.json.choices[0].finish_reason, 'tool_calls');
  const usage = w.journal[0]!.usage;
  assert.deepEqual(whole.json.usage, { prompt_tokens: usage.prompt, completion_tokens: call.length + 1, total_tokens: usage.prompt + call.length + 1, prompt_tokens_details: { cached_tokens: 2 } });
  assert.equal((await w.post({ ...ask, tools: [ADD_TOOL], max_tokens: call.length })).json.choices[0].finish_reason, 'length');
  const unasked = await w.post({ ...ask, tools: [ADD_TOOL], tool_choice: 'none' });
  assert.deepEqual([unasked.json.choices[0].finish_reason, unasked.json.choices[0].message.content], ['stop', call]);
});

test('a wanted tool call that does not come, and an answer of the wrong form, are told as malformed', async () => {
  await using w = await world((_, text) => (text.includes('JSON Schema') ? '{"sum": "three"}' : text.includes('JSON object') ? '[]' : 'three'));
  const malformed = async (more: object) => (await w.post({ ...ask, ...more })).json.choices[0].message.malformed;
  assert.match(await malformed({ tools: [ADD_TOOL], tool_choice: 'required' }), /asked for a tool call/);
  assert.match(await malformed({ tools: [ADD_TOOL], tool_choice: { type: 'function', function: { name: 'add' } } }), /a call of "add"/);
  const schema = { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] };
  assert.match(await malformed({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }), /does not match.*sum: .*number/);
  assert.match(await malformed({ response_format: { type: 'json_object' } }), /not the object/);
  assert.match(await malformed({ response_format: { type: 'text' } }) ?? 'fine', /fine/);
});

test('a schema is asked for in words that stay in the history', async () => {
  await using w = await world((_, text) => (text.includes('JSON Schema') ? '{"sum": 3}' : 'ok'));
  const schema = { type: 'object', properties: { sum: { type: 'number' } } };
  const first = await w.post({ ...ask, response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } });
  assert.equal(first.json.choices[0].message.malformed, undefined);
  await w.post({ messages: [user('q'), first.json.choices[0].message, user('and now?')] });
  assertAsSeen(w);
  assert.deepEqual(w.journal.map((call) => call.continuation), ['start', 'continued']);
  assert.match(w.journal[0]!.history.add[0]!.content, /^q\n\nAnswer with JSON.*\n\{"type":"object"/);
});

test('a number that is not finite, or a missing logprob, fails the call and is never stored', async () => {
  const failures: [string, ErrorInfo][] = [];
  const bad: [number[], RegExp, string][] = [[[-1, NaN], /logprob NaN for token 2 of 2 \(id 257\)/, 'non-finite'], [[-1, -Infinity], /-Infinity/, 'non-finite']];
  for (const [logprobs, says, code] of bad) {
    await using w = await world(() => ({ ids: [65, IM_END], logprobs }), { session: { onFailure: (role, error) => void failures.push([role, error]) } });
    const answer = await w.post(ask);
    assert.deepEqual([answer.status, answer.json.error.code, answer.headers.get('x-should-retry')], [500, code, 'false']);
    assert.match(answer.json.error.message, says);
    assert.equal(w.gateway.close(place(), 1).length, 0);
  }
  assert.deepEqual(failures.map(([role, error]) => [role, error.code]), [['main', 'non-finite'], ['main', 'non-finite']]);
  await using w = await world();
  w.policy.sample = async () => ({ ids: [65, IM_END], logprobs: [-1], finish: 'stop', version: 1, cached: 0 });
  assert.match((await w.post(ask)).json.error.message, /sampled 2 tokens but told 1 logprobs/);
});

test('an unknown role, a failing policy and a failing journal are told; the next call works', async () => {
  let journal = 0;
  await using w = await world((_, text) => {
    if (text.includes('fail')) throw new Error('out of memory');
    return 'fine';
  }, { session: { onCall: () => { if (journal++ === 0) throw new Error('disk full'); } } });
  const full = await w.post(ask);
  assert.deepEqual([full.status, full.json.error.message], [500, 'Error: disk full']);
  const failed = await w.post({ messages: [user('fail')] });
  assert.deepEqual([failed.status, failed.json.error.code, failed.json.error.message], [500, 'policy', 'told failed: out of memory']);
  assert.equal((await w.post(ask)).json.choices[0].message.content, 'fine');
  assert.deepEqual(w.gateway.close(place(), 1).map((call) => call.why), ['undelivered', undefined]);
});

test('closing cuts off what is being sampled, and keeps what there was of it', async () => {
  await using w = await world();
  const { promise, resolve } = Promise.withResolvers<void>();
  w.policy.sample = async ({ onToken, signal }) => {
    for (const [index, byte] of bytesOf('half').entries()) onToken?.(byte, -index - 1);
    resolve();
    return new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error)));
  };
  const call = w.post(ask);
  await promise;
  const [record] = w.gateway.close(place(), 1);
  assert.deepEqual([record!.why, record!.finish, record!.reply.content, record!.tokens!.sampled, record!.tokens!.logprobs], ['undelivered', 'length', 'half', bytesOf('half'), [-1, -2, -3, -4]]);
  const late = await call;
  assert.equal(late.status, 410);
  assert.equal(w.journal.length, 0);
});

function provider(complete: (request: ChatRequest) => ChatAnswer): ChatPolicy & { requests: ChatRequest[] } {
  const requests: ChatRequest[] = [];
  return { kind: 'chat', label: 'gpt', requests, close: async () => {}, complete: async (request) => { requests.push(request); return complete(request); } };
}

test("a provider's answers are recorded as untracked", async () => {
  const calls: Json[] = [{ id: '0', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } }];
  const gpt = provider(({ messages }) => ({ content: 'text', toolCalls: messages.at(-1)!.role === 'tool' ? [] : calls, finish: 'stop', usage: { prompt: 11, completion: 2 } }));
  await using w = await world('x', { session: { route: (role) => ({ policy: gpt, target: role === 'main', label: 'gpt' }) } });
  const first = await w.post({ ...ask, tools: [ADD_TOOL], temperature: 0.3 });
  const { message } = first.json.choices[0];
  // Strands loses the text; the provider gets it all the same.
  await w.post({ messages: [user('q'), { ...message, content: '' }, tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  await w.post({ ...ask, temperature: 0.3 }, { role: 'critic' });
  assert.deepEqual(gpt.requests[1]!.messages[1], assistant('text', { tool_calls: message.tool_calls }));
  assert.deepEqual(w.journal.map((call) => [call.continuation, call.why, call.version, call.tokens]), [
    ['untracked', 'no-token-ids', null, undefined], ['untracked', 'no-token-ids', null, undefined], ['untracked', 'role-not-a-target', null, undefined],
  ]);
  assert.deepEqual([w.journal[1]!.history.from, w.journal[1]!.restored, w.journal[0]!.usage], [0, 1, { prompt: 11, completion: 2, cached: 0 }]);
  assert.deepEqual(gpt.requests.map((request) => request.sampling.temperature), [1, 1, 0.3]);
  assert.equal(first.json.usage.total_tokens, 13);
  // Its numbering starts anew with each answer; ours does not.
  const again = await w.post({ ...ask, tools: [ADD_TOOL] });
  assert.notEqual(again.json.choices[0].message.tool_calls[0].id, message.tool_calls[0].id);
});

test("a server's own token ids are taken over, each prompt by what it adds", async () => {
  const gpt = provider(({ messages }) => ({
    content: 'y', toolCalls: [], finish: 'stop', usage: { prompt: 1, completion: 2 },
    tokens: { prompt: messages.length === 1 ? [1, 2] : [1, 2, 8, 9, 3], sampled: [8, 9], logprobs: [-1, -2] },
  }));
  await using w = await world('x', { session: { route: () => ({ policy: gpt, target: true, label: 'vllm' }) } });
  const first = await w.post({ ...ask, return_token_ids: true });
  const second = await w.post({ messages: [user('q'), assistant('y'), user('more')], return_token_ids: true });
  assert.deepEqual([first.json.prompt_token_ids, second.json.prompt_token_ids], [[1, 2], [1, 2, 8, 9, 3]]);
  assert.deepEqual(w.journal.map((call) => [call.continuation, call.why, call.tokens!.from, call.tokens!.tail]), [['start', undefined, null, [1, 2]], ['continued', undefined, 0, [3]]]);
  assert.deepEqual(promptOf(w.journal, 1), [1, 2, 8, 9, 3]);
});

test('the configuration may keep alternatives, and keep tools from the model', async () => {
  await using w = await world(() => ({ ids: [65, IM_END], top: { k: 1, ids: [65, IM_END], logprobs: [-1, -2] } }), { session: { top: 1, withoutTools: true } });
  await w.post({ ...ask, tools: [ADD_TOOL], tool_choice: 'required' });
  assert.deepEqual([w.policy.requests[0]!.top, w.journal[0]!.tools, w.journal[0]!.malformed], [1, undefined, undefined]);
  assert.deepEqual(w.journal[0]!.tokens!.top, { k: 1, ids: [65, IM_END], logprobs: [-1, -2] });
});
