import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InMemoryMemory, Msg, ReActAgent, tool, Toolkit, z } from '../../../runtime/sdk/index.ts';
import { scriptedServer, tunerFor } from './scripted-server.ts';

const server = await scriptedServer();
const { tuner } = tunerFor(server.url);

const add = tool({
  name: 'add',
  description: 'Adds.',
  parameters: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
});

function lastMessages(): unknown {
  return server.requests.at(-1)!.body.messages;
}

test('sends system, user, and what was said and done since, and nothing else', async () => {
  const agent = new ReActAgent({ name: 'solver', sysPrompt: 'Add.', model: tuner, toolkit: new Toolkit([add]) });
  server.say({ calls: [{ name: 'add', args: { a: 2, b: 3 } }] }, 'It is 5.');
  const reply = await agent.reply('2+3?');
  assert.equal(reply.text, 'It is 5.');
  assert.equal(reply.finish, 'stop');
  assert.equal(reply.role, 'assistant');
  assert.equal(reply.metadata, null);
  const [first, second] = server.requests.slice(-2).map(({ body }) => body);
  assert.deepEqual(Object.keys(first!).sort(), ['messages', 'model', 'tools']);
  assert.deepEqual(first!.messages, [{ role: 'system', content: 'Add.' }, { role: 'user', content: '2+3?' }]);
  assert.deepEqual(first!.tools, [{
    type: 'function',
    function: {
      name: 'add', description: 'Adds.',
      parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
    },
  }]);
  assert.deepEqual(second!.messages, [
    { role: 'system', content: 'Add.' },
    { role: 'user', content: '2+3?' },
    { role: 'assistant', content: '', tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'add', arguments: '{"a":2,"b":3}' } }] },
    { role: 'tool', tool_call_id: 'call_0', content: '5' },
  ]);
});

test('without tools the request names none', async () => {
  const agent = new ReActAgent({ name: 'solver', sysPrompt: 'Talk.', model: tuner });
  server.say('Hello.');
  await agent.reply('Hi');
  assert.equal('tools' in server.requests.at(-1)!.body, false);
});

test('runs the tool calls of one answer side by side and keeps their order', async () => {
  const order: string[] = [];
  const slow = tool({
    name: 'wait', description: 'Waits.', parameters: z.object({ ms: z.number() }),
    run: async ({ ms }) => {
      order.push(`start ${ms}`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      order.push(`end ${ms}`);
      return String(ms);
    },
  });
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, toolkit: new Toolkit([slow]) });
  server.say({ calls: [{ name: 'wait', args: { ms: 30 } }, { name: 'wait', args: { ms: 1 } }] }, 'done');
  await agent.reply('go');
  assert.deepEqual(order, ['start 30', 'start 1', 'end 1', 'end 30']);
  const results = server.requests.at(-1)!.body.messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
  assert.deepEqual(results, ['30', '1']);
});

test('stops after maxIters, with every tool call of the memory answered', async () => {
  const memory = new InMemoryMemory();
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, toolkit: new Toolkit([add]), memory, maxIters: 2 });
  server.say({ calls: [{ name: 'add', args: { a: 1, b: 1 } }] }, { text: 'more', calls: [{ name: 'add', args: { a: 2, b: 2 } }] });
  const reply = await agent.reply('go');
  assert.equal(reply.finish, 'tool_calls');
  assert.equal(reply.text, 'more');
  assert.deepEqual(memory.messages().map(({ role }) => role), ['user', 'assistant', 'tool', 'assistant', 'tool']);
});

test('a conversation goes on over several replies; another agent is heard as a user', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner });
  server.say('one', 'two');
  await agent.reply('first');
  await agent.observe(new Msg('critic', 'too short', 'assistant'));
  await agent.reply(new Msg('user', 'second', 'user'));
  assert.deepEqual(lastMessages(), [
    { role: 'system', content: 's' }, { role: 'user', content: 'first' }, { role: 'assistant', content: 'one' },
    { role: 'user', content: 'too short', name: 'critic' }, { role: 'user', content: 'second' },
  ]);
});

test('a tool call that could not be read is told to the model, which tries again', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, toolkit: new Toolkit([add]) });
  server.say({ message: { content: '<tool_call>{bad', malformed: 'The tool call is not JSON.' } }, 'sorry');
  const reply = await agent.reply('go');
  assert.equal(reply.text, 'sorry');
  assert.deepEqual(server.requests.at(-1)!.body.messages.slice(-2), [
    { role: 'assistant', content: '<tool_call>{bad' }, { role: 'user', content: 'The tool call is not JSON.' },
  ]);
});

test('thinking goes back to the gateway with the answer it belongs to', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner });
  server.say({ message: { content: 'one', reasoning_content: 'hm' } }, 'two');
  await agent.reply('first');
  await agent.reply('second');
  assert.deepEqual(server.requests.at(-1)!.body.messages[2], { role: 'assistant', content: 'one', reasoning_content: 'hm' });
});

const FinalResult = z.object({ result: z.number(), unit: z.string().optional() });

test('a structured result is asked for in the system prompt, and read from the answer', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 'Solve.', model: tuner });
  server.say('Well, {not json}. So:\n```json\n{"result": 4, "unit": "{m}"}\n```');
  const reply = await agent.reply('2+2?', { structuredModel: FinalResult });
  assert.deepEqual(reply.metadata, { result: 4, unit: '{m}' });
  const { messages, ...rest } = server.requests.at(-1)!.body;
  assert.equal(messages[0]!.content, 'Solve.\n\nAnswer with JSON that fits this schema: '
    + '{"type":"object","properties":{"result":{"type":"number"},"unit":{"type":"string"}},"required":["result"]}');
  assert.deepEqual(Object.keys(rest), ['model'], 'nothing shapes the logits');
});

test('reads JSON among words', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner });
  for (const text of ['{"result": 1}', 'I say {"result": 2}, then {"result": 1}!', 'x } { "a \\" }" : {"result": 1}', '[{"result":1}]']) {
    server.say(text);
    const reply = await agent.reply('?', { structuredModel: FinalResult });
    assert.deepEqual(reply.metadata, { result: 1 }, text);
  }
});

test('a model that has got stuck is read at once', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, maxIters: 1 });
  for (const text of ['{'.repeat(400_000), `\`\`\`${'\n'.repeat(400_000)}`]) {
    server.say(text);
    assert.equal((await agent.reply('?', { structuredModel: FinalResult })).metadata, null);
  }
});

test('an answer that does not fit is told and asked for again, until the iterations are used up', async () => {
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, maxIters: 3 });
  server.say('four', '{"result": "4"}', '{"result": 4}');
  const reply = await agent.reply('2+2?', { structuredModel: FinalResult });
  assert.deepEqual(reply.metadata, { result: 4 });
  assert.deepEqual(server.requests.at(-1)!.body.messages.filter(({ role }) => role === 'user').map(({ content }) => content), [
    '2+2?', 'Your answer holds no JSON. Answer again.',
    'Your answer does not fit the schema: result: Invalid input: expected number, received string. Answer again.',
  ]);
  server.say('no', 'no', 'no');
  const failed = await agent.reply('2+2?', { structuredModel: FinalResult });
  assert.equal(failed.metadata, null);
  assert.equal(failed.text, 'no');
});
