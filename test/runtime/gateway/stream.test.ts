import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { BadRequestError } from 'openai';
import { ADD_TOOL, bytesOf, IM_END, user, world, type World } from './world.ts';

const CALL = 'First. <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const tools = [ADD_TOOL as OpenAI.ChatCompletionTool];

function client(w: World, role = 'main'): OpenAI {
  return new OpenAI({ baseURL: `${w.session.url}/role/${role}/v1`, apiKey: w.session.apiKey, maxRetries: 0 });
}

test('the events of an answer, word for word', async () => {
  await using w = await world(`<think>hm</think>${CALL}`);
  const answer = await w.post({ model: 'm', messages: [user('q')], tools: [ADD_TOOL], stream: true, stream_options: { include_usage: true }, return_token_ids: true });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const { id, tokens } = w.journal[0]!;
  const callId = w.journal[0]!.reply.tool_calls![0]!.id;
  const text = answer.text.replaceAll(id, 'ID').replaceAll(callId, 'CALL').replaceAll(/"created":\d+/g, '"created":0')
    .replace(JSON.stringify(tokens!.tail), '"PROMPT"').replace(JSON.stringify(tokens!.sampled), '"SAMPLED"');
  const chunk = (rest: string): string => `data: {"id":"ID","object":"chat.completion.chunk","created":0,"model":"m",${rest}}\n\n`;
  const delta = (json: string): string => chunk(`"choices":[{"index":0,"delta":${json},"finish_reason":null}],"usage":null`);
  const { prompt, completion } = w.journal[0]!.usage;
  assert.equal(text, [
    chunk('"prompt_token_ids":"PROMPT","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null'),
    delta('{"reasoning_content":"hm","reasoning":"hm"}'),
    delta('{"content":"First."}'),
    delta('{"tool_calls":[{"index":0,"id":"CALL","type":"function","function":{"name":"add","arguments":"{\\"a\\":1,\\"b\\":2}"}}]}'),
    chunk('"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls","token_ids":"SAMPLED"}],"usage":null'),
    chunk(`"choices":[],"usage":{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},"prompt_tokens_details":{"cached_tokens":0}}`),
    'data: [DONE]\n\n',
  ].join(''));
});

test('the openai package reads both ways alike', async () => {
  await using w = await world(CALL);
  const openai = client(w);
  const ask = { model: 'm', messages: [user('q') as OpenAI.ChatCompletionMessageParam], tools, logprobs: true, top_logprobs: 1 };
  const whole = await openai.chat.completions.create(ask);
  const streamed = await openai.chat.completions.stream({ ...ask, stream_options: { include_usage: true } }).finalChatCompletion();
  const choice = whole.choices[0]!;
  assert.equal(choice.finish_reason, 'tool_calls');
  assert.equal(choice.message.content, 'First.');
  const [call] = choice.message.tool_calls!;
  assert.ok(call?.type === 'function');
  assert.deepEqual(JSON.parse(call.function.arguments), { a: 1, b: 2 });
  const other = streamed.choices[0]!;
  assert.deepEqual(
    [other.finish_reason, other.message.content, streamed.usage, other.logprobs!.content!.length],
    [choice.finish_reason, choice.message.content, whole.usage, choice.logprobs!.content!.length],
  );
  const [second] = other.message.tool_calls!;
  assert.ok(second?.type === 'function' && second.function.arguments === call.function.arguments && second.id !== call.id);
  // The conversation goes on with either.
  await openai.chat.completions.create({ ...ask, messages: [...ask.messages, other.message, { role: 'tool', tool_call_id: second.id, content: '3' }] });
  assert.deepEqual([w.journal[2]!.continuation, w.journal[2]!.tokens!.from], ['continued', 1]);
});

test('errors reach the openai package as what they are', async () => {
  await using w = await world('x');
  const openai = client(w);
  const messages = [{ role: 'user' as const, content: 'x'.repeat(10_000) }];
  for (const stream of [false, true]) {
    await assert.rejects(openai.chat.completions.create({ model: 'm', messages, stream }), (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.code, 'context_length_exceeded');
      assert.match(error.message, /maximum context length is 4096 tokens.*Shorten/);
      return true;
    });
  }
  await assert.rejects(openai.chat.completions.create({ model: 'm', messages, n: 2 }), { status: 400, param: 'n' });
  assert.equal(w.journal.length, 0);
});

test('logprobs are told for each sampled token with its bytes, and the most likely others', async () => {
  const ids = [...bytesOf('→'), IM_END];
  await using w = await world(({ top }) => ({ ids, logprobs: [-1, -2, -3, -4], ...(top && { top: { k: 2, ids: ids.flatMap((id) => [id, 65]), logprobs: ids.flatMap((_, index) => [-index - 1, -9]) } }) }));
  const answer = await w.post({ messages: [user('q')], logprobs: true, top_logprobs: 1, return_token_ids: true });
  const [choice] = answer.json.choices;
  assert.deepEqual(choice.token_ids, ids);
  assert.deepEqual(answer.json.prompt_token_ids, w.policy.requests[0]!.prompt);
  assert.deepEqual(choice.logprobs.content.map((one: { bytes: number[]; logprob: number }) => [one.bytes, one.logprob]), [[[0xe2], -1], [[0x86], -2], [[0x92], -3], [[...Buffer.from('<|im_end|>')], -4]]);
  assert.deepEqual(choice.logprobs.content[3].top_logprobs, [{ token: '<|im_end|>', logprob: -4, bytes: [...Buffer.from('<|im_end|>')] }]);
  assert.equal(w.policy.requests[0]!.top, 1);
  assert.equal((await w.post({ messages: [user('q')] })).json.choices[0].logprobs, null);
  assert.equal(w.policy.requests[1]!.top, undefined);
});

/** An answer that comes when it is let go. */
function slow(): { script: () => Promise<string>; say: (text: string) => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { script: () => promise, say: resolve, fail: reject };
}

/** The headers of an answer that is still to come. */
function headersOf(w: World, stream: boolean): Promise<Response> {
  return fetch(`${w.session.url}/role/main/v1/chat/completions`, {
    method: 'POST', body: JSON.stringify({ messages: [user('q')], stream }), headers: { authorization: `Bearer ${w.session.apiKey}` },
  });
}

test('a slow answer is kept alive: comments in a stream, and blanks before JSON once clients would soon give up', async () => {
  const { script, say } = slow();
  await using w = await world(script, { gateway: { heartbeat: 5 } });
  const began = performance.now();
  const whole = headersOf(w, false).then((response) => [response, performance.now() - began] as const);
  const streamed = await headersOf(w, true);
  const [json, waited] = await whole;
  assert.ok(waited > 15 * 5, `${waited} ms`);
  const viaPackage = client(w).chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'q' }] });
  say('late');
  assert.match(await streamed.text(), /^(: ping\n\n)+data: /);
  const text = await json.text();
  assert.match(text, /^ +\{/);
  assert.equal(JSON.parse(text).choices[0].message.content, 'late');
  assert.equal((await viaPackage).choices[0]!.message.content, 'late');
});

test('a slow answer that fails says so', async () => {
  const { script, fail } = slow();
  await using w = await world(script, { gateway: { heartbeat: 5 } });
  const ask = { model: 'm', messages: [{ role: 'user' as const, content: 'q' }] };
  const streamed = await client(w).chat.completions.create({ ...ask, stream: true });
  const whole = await headersOf(w, false);
  fail(new Error('no memory'));
  await assert.rejects(async () => {
    for await (const _ of streamed);
  }, /told failed: no memory/);
  assert.deepEqual([whole.status, (JSON.parse(await whole.text()) as { error: Error }).error.message], [200, 'told failed: no memory']);
  await assert.rejects(client(w).chat.completions.create(ask), { status: 500, message: /told failed: no memory/ });
});
