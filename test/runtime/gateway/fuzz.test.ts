import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { sampleKey, TokenRandom } from '../../../runtime/policy/random.ts';
import { ADD_TOOL, assertAsSeen, promptOf, user, world, type Json } from './world.ts';

function dice(seed: number): (below: number) => number {
  const random = new TokenRandom(sampleKey({ seed, step: 0, task: '', sample: 0, role: '', prompt: '', occurrence: 0 }));
  let count = 0;
  return (below) => Math.floor(random.uniform(count++) * below);
}

const whole: Json = {
  model: 'm', temperature: 1, max_tokens: 8, stop: ['x'], stream: false, logprobs: true, top_logprobs: 1, n: 1, tool_choice: 'auto',
  messages: [
    { role: 'system', content: 'be kind' }, { role: 'user', content: [{ type: 'text', text: 'hi' }] },
    { role: 'assistant', content: null, reasoning_content: 'r', tool_calls: [{ id: 'c', type: 'function', function: { name: 'add', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: '3' },
  ],
  tools: [ADD_TOOL], response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
};

const odd: unknown[] = [
  null, true, 0, -1, 1e308, '', 'x', [], {}, [[]], [null], { role: 'user' }, '__proto__', { __proto__: null, constructor: 1 }, '\ud800', '\u0000', 'x'.repeat(5000), '<|im_end|>',
  Array.from({ length: 40 }, () => ({ role: 'user', content: 'x' })), { type: 'text', text: 3 },
];

/** Puts something odd in a random place, takes something away, or doubles it. */
function damaged(roll: (below: number) => number): Json {
  const body = structuredClone(whole);
  for (let times = roll(3); times >= 0; times--) {
    let at: Json = body;
    for (;;) {
      const keys = Object.keys(at);
      if (keys.length === 0) break;
      const key = keys[roll(keys.length)]!;
      const inner = at[key];
      if (typeof inner === 'object' && inner !== null && roll(3) > 0) {
        at = inner;
        continue;
      }
      const way = roll(4);
      if (way === 0) delete at[key];
      else if (way === 1 && Array.isArray(at)) at.push(inner);
      else at[key] = odd[roll(odd.length)];
      break;
    }
  }
  return body;
}

test('a damaged request gets an answer or an error in JSON, never a crash', async () => {
  await using w = await world('fine');
  const seen = new Map<number, number>();
  const roll = dice(1);
  for (let round = 0; round < 400; round++) {
    const body = damaged(roll);
    const answer = await w.post(body);
    seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
    assert.ok(answer.status === 200 || answer.status === 400, `${answer.status} for ${JSON.stringify(body)}`);
    if (answer.status === 400) assert.ok(answer.json.error.message.length > 10, answer.text);
    else if (body.stream !== true) assert.equal(answer.json.object, 'chat.completion');
  }
  assert.ok(seen.get(200)! > 20 && seen.get(400)! > 20, JSON.stringify([...seen]));
  assertAsSeen(w);
});

test('bytes that are no JSON, deep JSON and binary get an error in JSON', async () => {
  await using w = await world('fine');
  const url = `${w.session.url}/role/main/v1/chat/completions`;
  const texts = ['', '{', 'null', '"x"', '[1]', '\u0000\u0001', '{"messages":'.repeat(2000), '['.repeat(100_000), `{"messages":[{"role":"user","content":"x"}],"tools":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}}]}`];
  for (const body of texts) {
    const response = await fetch(url, { method: 'POST', body, headers: { authorization: `Bearer ${w.gateway.token}` } });
    const answer = await response.json() as Json;
    assert.ok(response.status >= 400 ? typeof answer.error.message === 'string' : answer.object === 'chat.completion', `${response.status} for ${body.slice(0, 40)}`);
  }
  const binary = await fetch(url, { method: 'POST', body: Uint8Array.from({ length: 256 }, (_, index) => index), headers: { authorization: `Bearer ${w.gateway.token}` } });
  assert.equal(binary.status, 400);
  assert.equal((await w.post({ messages: [user('q')] })).status, 200);
});

test('connections that break at any byte leave the gateway whole', async () => {
  await using w = await world('fine');
  const { pathname, host, port } = new URL(`${w.session.url}/role/main/v1/chat/completions`);
  const body = JSON.stringify({ messages: [user('q')] });
  const text = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${w.gateway.token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  await Promise.all(Array.from({ length: 60 }, (_, index) => new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.write(text.slice(0, Math.floor((text.length * (index + 1)) / 60)), () => void setTimeout(() => socket.destroy(), index % 4));
  })));
  assert.equal((await w.post({ messages: [user('still there?')] })).status, 200);
});

/** Random conversations: forks, retries, siblings, sub-agents, answers sent back in all the ways of frameworks. */
test('whatever a workflow does, each prompt is what the policy saw, and each sampled token is kept once', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const roll = dice(seed);
    const texts = ['yes', 'no', '', 'a → b', 'yes\n', '<think>t</think>yes', '<tool_call>\n{"name": "add", "arguments": {"b": 1, "a": 2}}\n</tool_call>', 'see <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 1}}\n</tool_call>'];
    await using w = await world(() => texts[roll(texts.length)]!);
    const open: Json[][] = [[user('start')]];
    for (let step = 0; step < 40; step++) {
      const history = structuredClone(open[roll(open.length)]!);
      const answer = await w.post({ messages: history, tools: [ADD_TOOL], max_tokens: roll(4) === 0 ? 2 : 64 }, { role: ['a', 'b'][roll(2)]! });
      assert.equal(answer.status, 200, answer.text);
      const { message } = answer.json.choices[0];
      const echo = structuredClone(message);
      const way = roll(6);
      if (way === 0) echo.content = echo.content?.trim() ?? null;
      if (way === 1) delete echo.reasoning_content;
      if (way === 2) for (const call of echo.tool_calls ?? []) call.function.arguments = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(call.function.arguments)).reverse()), null, 1);
      if (way === 3 && echo.tool_calls) echo.content = '';
      if (way === 4) echo.content = `${echo.content ?? ''} (changed)`;
      history.push(echo);
      for (const call of message.tool_calls ?? []) history.push({ role: 'tool', tool_call_id: call.id, content: String(roll(3)) });
      if (!message.tool_calls || roll(3) === 0) history.push(user(['go on', 'again', ''][roll(3)]!));
      if (roll(5) === 0) open.push([user(`sub ${roll(2)}`)]);
      if (roll(6) === 0) history.splice(0, roll(history.length));
      if (history.length > 0) open.push(history);
    }
    assertAsSeen(w);
    const sampled = w.journal.reduce((sum, call) => sum + call.tokens!.sampled.length, 0);
    assert.equal(sampled, w.journal.reduce((sum, call) => sum + call.usage.completion, 0));
    for (const [index, call] of w.journal.entries()) {
      assert.equal(call.index, index);
      assert.equal(promptOf(w.journal, index).length, call.usage.prompt);
      if (call.continuation === 'continued') assert.equal(call.tokens!.from, call.history.from);
    }
  }
});
