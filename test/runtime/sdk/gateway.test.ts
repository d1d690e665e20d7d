/** The SDK through the real gateway, with a policy that says what a test tells it to: what both must agree on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelTuner, ReActAgent, tool, Toolkit, TuningForkError, z } from '../../../runtime/sdk/index.ts';
import { world, type World } from '../gateway/world.ts';

function tunerOf({ session }: World): ModelTuner {
  return new ModelTuner({
    baseURL: (role) => `${session.url}/role/${encodeURIComponent(role)}/v1`,
    apiKey: session.apiKey, isTarget: () => true, register: () => {}, signal: new AbortController().signal, config: {},
  });
}

const add = tool({ name: 'add', description: 'Adds.', parameters: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b });

test('an agent with a tool is one conversation, token for token, and each call names its line', async () => {
  const said = ['Let me add.\n<tool_call>\n{"name": "add", "arguments": {"a": 2,  "b": 3}}\n</tool_call>', 'It is 5.'];
  await using door = await world(() => said.shift()!);
  const agent = new ReActAgent({ name: 'solver', sysPrompt: 'Add.', model: tunerOf(door), toolkit: new Toolkit([add]) });
  const reply = await agent.reply('2+3?');
  assert.equal(reply.text, 'It is 5.');
  const [first, second] = door.session.close();
  assert.deepEqual([first!.continuation, second!.continuation], ['start', 'continued']);
  assert.deepEqual(second!.history, { from: 0, add: [{ role: 'tool', tool_call_id: first!.reply.tool_calls![0]!.id, content: '5' }] });
  assert.equal(second!.role, 'default');
  for (const { site, why } of [first!, second!]) {
    assert.equal(site?.file, import.meta.filename);
    assert.equal(why, undefined, 'delivered and trained');
  }
});

test('a tool call that cannot be read comes back as text and an error, and the agent tries again', async () => {
  const said = ['<tool_call>\n{"name": "add", "arguments": {"a": 2\n</tool_call>', 'Sorry.'];
  await using door = await world(() => said.shift()!);
  const agent = new ReActAgent({ name: 'solver', sysPrompt: 'Add.', model: tunerOf(door), toolkit: new Toolkit([add]) });
  assert.equal((await agent.reply('2+3?')).text, 'Sorry.');
  const [first, second] = door.session.close();
  assert.ok(first!.malformed);
  assert.deepEqual(second!.history, { from: 0, add: [{ role: 'user', content: first!.malformed }] });
});

test('an error of the gateway arrives with its code, its words and the line', async () => {
  await using door = await world('x', { session: { maxModelLength: 20 } });
  await assert.rejects(async () => tunerOf(door).call([{ role: 'user', content: 'y'.repeat(200) }]), (error) => {
    assert.ok(error instanceof TuningForkError);
    assert.equal(error.code, 'context-length');
    assert.match(error.message, /maximum context length is 20 tokens/);
    assert.equal(error.where?.file, import.meta.filename);
    return true;
  });
});

test('the OpenAI client streams through the gateway, in a role with any name', async () => {
  await using door = await world('hello');
  const client = tunerOf(door).getModel('狼人 1').asOpenAI();
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
  }
  assert.equal(text, 'hello');
  const [call] = door.session.close();
  assert.equal(call!.role, '狼人 1');
  assert.equal(call!.site?.file, import.meta.filename);
});

test('four hundred rollouts at once lose no answer', async () => {
  await using door = await world('ok');
  const tuner = tunerOf(door);
  await Promise.all(Array.from({ length: 400 }, (_, index) => tuner.call([{ role: 'user', content: `${index}` }])));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(door.session.close().filter(({ why }) => why !== undefined), []);
});
