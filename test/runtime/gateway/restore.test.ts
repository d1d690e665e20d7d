/** What agent frameworks send back of an answer, as seen on the wire (research/handoff.md, E.3), and what the policy is shown then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADD_TOOL, assertAsSeen, assistant, bytesOf, IM_END, promptOf, system, tool, user, world, type Json, type World } from './world.ts';

const TEXT = ' Let me add. \n';
const CALL = '<tool_call>\n{"name": "add", "arguments": {"b": 2,  "a": 1}}\n</tool_call>';
const SAMPLED = `<think>think!</think>${TEXT}${CALL}`;

/** What comes back of turn 1: the message of the answer, changed as the framework does. */
type Echo = (message: Json) => Json;

const withArguments = (message: Json, args: string): Json => message.tool_calls.map((call: Json) => ({ ...call, function: { ...call.function, arguments: args } }));

const frameworks: [name: string, echo: Echo, result: (id: string) => Json][] = [
  ['unchanged', (message) => message, (id) => tool('3', id)],
  ['@openai/agents', ({ reasoning_content, ...message }) => ({
    role: 'assistant', tool_calls: message.tool_calls,
    content: [{ type: 'text', text: message.content, role: 'assistant', tool_calls: message.tool_calls, reasoning_content, refusal: null }],
  }), (id) => tool('3', id)],
  ['@openai/agents, streamed', (message) => ({
    role: 'assistant', tool_calls: message.tool_calls, content: [{ type: 'text', text: message.content, annotations: [] }],
  }), (id) => tool('3', id)],
  ['Strands', (message) => ({ role: 'assistant', content: '', tool_calls: withArguments(message, '{"b":2,"a":1}') }),
    (id) => ({ role: 'tool', tool_call_id: id, content: [{ type: 'text', text: '3' }] })],
  ['Strands, without content', (message) => ({ role: 'assistant', tool_calls: withArguments(message, '{"b":2,"a":1}') }), (id) => tool('3', id)],
  ['ai', (message) => ({ role: 'assistant', content: message.content, reasoning_content: 'think!', tool_calls: withArguments(message, '{"a":1,"b":2}') }), (id) => tool('3', id)],
  ['LangGraph', (message) => ({ role: 'assistant', content: message.content, tool_calls: withArguments(message, '{"b":2,"a":1}') }),
    (id) => ({ role: 'tool', content: '3', tool_call_id: id, name: 'add' })],
  ['Mastra', (message) => ({ role: 'assistant', content: message.content, tool_calls: withArguments(message, '{"b":2,"a":1}') }), (id) => tool('"3"', id)],
  ['trimmed', (message) => ({ ...message, content: `${message.content.trim()}  `, reasoning_content: undefined }), (id) => tool('3', id)],
  ['thinking in the text', (message) => ({ ...message, content: `<think>think!</think>${message.content}`, reasoning_content: undefined }), (id) => tool('3', id)],
  ['ids of its own', (message) => ({ ...message, tool_calls: message.tool_calls.map((call: Json) => ({ ...call, id: 'mine' })) }), () => tool('3', 'mine')],
  ["keys that the tool's schema drops", (message) => ({ ...message, tool_calls: withArguments(message, '{"a":1}') }), (id) => tool('3', id)],
  ["defaults that the tool's schema adds", (message) => ({ ...message, tool_calls: withArguments(message, '{"a":1,"b":2,"digits":0}') }), (id) => tool('3', id)],
  ['arguments as an object', (message) => ({ ...message, tool_calls: withArguments(message, JSON.parse('{"a":1,"b":2}')) }), (id) => tool('3', id)],
];

function agent(): (request: { prompt: readonly number[] }, text: string) => string {
  return (_request, text) => (text.endsWith('</tool_response><|im_end|>\n<|im_start|>assistant\n') ? ' The sum\tis 3. ' : text.includes('and now?') ? 'done' : SAMPLED);
}

async function firstTurn(w: World, history: Json[]): Promise<Json> {
  const first = await w.post({ messages: history, tools: [ADD_TOOL] });
  assert.equal(first.status, 200, first.text);
  return first.json.choices[0].message;
}

for (const [name, echo, result] of frameworks) {
  test(`${name}: three turns are one conversation, token for token`, async () => {
    await using w = await world(agent());
    const history: Json[] = [system('You add.'), user('1 + 2?')];
    const message = await firstTurn(w, history);
    assert.equal(message.reasoning_content, 'think!');
    history.push(echo(message), result(message.tool_calls[0].id));
    const second = await w.post({ messages: history, tools: [ADD_TOOL] });
    assert.equal(second.status, 200, second.text);
    history.push({ role: 'assistant', content: [{ type: 'text', text: second.json.choices[0].message.content.trim() }] }, user('and now?'));
    const third = await w.post({ messages: history, tools: [ADD_TOOL] });
    assert.equal(third.json.choices[0].message.content, 'done');

    assertAsSeen(w);
    assert.deepEqual(w.journal.map((call) => [call.continuation, call.history.from, call.tokens!.from]), [['start', null, null], ['continued', 0, 0], ['continued', 1, 1]]);
    assert.deepEqual(w.journal[0]!.tokens!.sampled, [...bytesOf(SAMPLED), IM_END]);
    assert.equal(w.policy.tokenizer.decode(promptOf(w.journal, 2)).includes(SAMPLED), true);
    // Only what is new was written down.
    assert.deepEqual(w.journal[2]!.history.add, [user('and now?')]);
    assert.equal(w.policy.tokenizer.decode(w.journal[2]!.tokens!.tail), '\n<|im_start|>user\nand now?<|im_end|>\n<|im_start|>assistant\n');
  });
}

test('what a framework changed on purpose is a new branch, and it says so', async () => {
  const changes: [string, (message: Json) => Json][] = [
    ['other arguments', (message) => ({ ...message, tool_calls: withArguments(message, '{"a":1,"b":3}') })],
    ['another tool', (message) => ({ ...message, tool_calls: message.tool_calls.map((call: Json) => ({ ...call, function: { ...call.function, name: 'sub' } })) })],
    ['a call less', (message) => ({ ...message, tool_calls: undefined })],
    ['other text', (message) => ({ ...message, content: '(left out)' })],
  ];
  for (const [name, change] of changes) {
    await using w = await world(agent());
    const history: Json[] = [user('1 + 2?')];
    const message = await firstTurn(w, history);
    await w.post({ messages: [...history, change(message), tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
    assertAsSeen(w);
    const { continuation, history: { from }, tokens, restored } = w.journal[1]!;
    assert.deepEqual([continuation, from, tokens!.from, restored], ['rewritten', null, null, undefined], name);
  }
});

test('restored counts the turns that came back changed', async () => {
  await using w = await world(agent());
  const history: Json[] = [user('1 + 2?')];
  const message = await firstTurn(w, history);
  await w.post({ messages: [...history, message, tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  await w.post({ messages: [...history, { ...message, content: null }, tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  assert.deepEqual(w.journal.map((call) => call.restored), [undefined, undefined, 1]);
});

test('a history that was cut still shows the sampled ids', async () => {
  await using w = await world(agent());
  const history: Json[] = [system('You add.'), user('1 + 2?')];
  const message = await firstTurn(w, history);
  const id = message.tool_calls[0].id as string;
  const second = await w.post({ messages: [...history, message, tool('3', id)], tools: [ADD_TOOL] });
  // The framework drops the question and keeps the two answers, the first without its text.
  const cut = [system('You add.'), { ...message, content: '', reasoning_content: undefined }, tool('3', id), second.json.choices[0].message, user('and now?')];
  await w.post({ messages: cut, tools: [ADD_TOOL] });
  assertAsSeen(w);
  const { continuation, tokens } = w.journal[2]!;
  assert.deepEqual([continuation, tokens!.from], ['rewritten', null]);
  const shown = promptOf(w.journal, 2).join();
  for (const index of [0, 1]) assert.ok(shown.includes(w.journal[index]!.tokens!.sampled.join()), `ids of call ${index}`);
});

test('worked examples of the workflow are its own messages, even where the model said the same', async () => {
  await using w = await world('left');
  const examples = [system('Move.'), user('S G'), assistant('left'), user('G S')];
  const first = await w.post({ messages: examples });
  await w.post({ messages: [...examples, first.json.choices[0].message, user('S . G')] });
  await w.post({ messages: examples });
  assertAsSeen(w);
  assert.deepEqual(w.journal.map((call) => call.continuation), ['start', 'continued', 'start']);
  assert.deepEqual(w.journal[1]!.history.add, [user('S . G')]);
});

test('parallel calls, retries and sub-agents each go on from their own call', async () => {
  let said = 0;
  await using w = await world((_, text) => (text.includes('go on') ? `after ${said++}` : `answer ${said++}`));
  const question = [system('A'), user('q')];
  const helper = [system('B'), user('q')];
  const siblings = await Promise.all([0, 1, 2].map(() => w.post({ messages: question })));
  const sub = await w.post({ messages: helper });
  const answers = [...siblings, sub].map((answer) => answer.json.choices[0].message);
  for (const [index, answer] of answers.entries()) await w.post({ messages: [...(index === 3 ? helper : question), answer, user(`go on ${index}`)] });
  assertAsSeen(w);
  for (const [index, answer] of answers.entries()) {
    const call = w.journal[4 + index]!;
    assert.equal(call.continuation, 'continued');
    assert.equal(w.journal[call.tokens!.from!]!.reply.content, answer.content);
  }
});

test('the same text sampled twice goes on from the newer one, in the same role first', async () => {
  await using w = await world('same');
  const question = [user('q')];
  await w.post({ messages: question }, { role: 'a' });
  await w.post({ messages: question }, { role: 'b' });
  await w.post({ messages: question }, { role: 'b' });
  await w.post({ messages: [...question, assistant('same'), user('more')] }, { role: 'a' });
  await w.post({ messages: [...question, assistant('same'), user('more')] }, { role: 'b' });
  await w.post({ messages: [...question, assistant('same'), user('more')] }, { role: 'c' });
  assertAsSeen(w);
  assert.deepEqual(w.journal.slice(3).map((call) => [call.continuation, call.tokens!.from]), [['continued', 0], ['continued', 2], ['continued', 2]]);
});

test('text answers that only differ in their tool calls are kept apart', async () => {
  const call = (a: number) => `go <tool_call>\n{"name": "add", "arguments": {"a": ${a}, "b": 1}}\n</tool_call>`;
  let said = 0;
  await using w = await world((_, text) => (text.includes('tool_response') ? 'ok' : call(++said)));
  const question = [user('q')];
  const answers = await Promise.all([0, 1].map(() => w.post({ messages: question, tools: [ADD_TOOL] })));
  for (const answer of answers) {
    const message = answer.json.choices[0].message;
    await w.post({ messages: [...question, { ...message, content: null }, tool('2', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  }
  assertAsSeen(w);
  assert.deepEqual(w.journal.slice(2).map((one) => one.tokens!.from), [0, 1]);
  const ids = w.journal.flatMap((one) => one.reply.tool_calls ?? []).map((one) => one.id);
  assert.equal(new Set(ids).size, ids.length);
});

test('an answer that was cut into several messages is one again', async () => {
  await using w = await world(agent());
  const history: Json[] = [user('1 + 2?')];
  const message = await firstTurn(w, history);
  // As @openai/agents 0.3 sends it.
  history.push({ role: 'assistant', content: '', reasoning: message.reasoning_content }, assistant(message.content), { role: 'assistant', tool_calls: message.tool_calls }, tool('3', message.tool_calls[0].id));
  await w.post({ messages: history, tools: [ADD_TOOL] });
  assertAsSeen(w);
  assert.deepEqual([w.journal[1]!.continuation, w.journal[1]!.echoes], ['continued', [{ call: 0, by: 'tool-call-id', changed: ['grouping'] }]]);
  // Other words of the same shape stay as they are.
  await w.post({ messages: [user('1 + 2?'), { role: 'assistant', content: '', reasoning: 'no' }, assistant('no'), { role: 'assistant', tool_calls: message.tool_calls }, tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  assert.equal(w.journal[2]!.continuation, 'rewritten');
});

test('answers that were put into one message are taken apart', async () => {
  let said = 0;
  const answers = [SAMPLED, CALL.replace('"b": 2', '"b": 5'), 'It is 3.', 'done', 'again'];
  await using w = await world(() => answers[said++]!);
  const history: Json[] = [user('1 + 2?')];
  const calls: Json[] = [];
  for (const result of ['3', '6']) {
    const message = await firstTurn(w, history);
    calls.push(...message.tool_calls);
    history.push(message, tool(result, message.tool_calls[0].id));
  }
  const last = await firstTurn(w, history);
  // As Mastra sends it when the conversation goes on.
  await w.post({ messages: [user('1 + 2?'), { role: 'assistant', content: TEXT, tool_calls: calls }, tool('3', calls[0].id), tool('6', calls[1].id), last, user('and now?')], tools: [ADD_TOOL] });
  assertAsSeen(w);
  assert.deepEqual(w.journal.map(({ continuation, tokens }) => [continuation, tokens!.from]), [['start', null], ['continued', 0], ['continued', 1], ['continued', 2]]);
  assert.deepEqual(w.journal[3]!.echoes?.map(({ call, by, changed }) => [call, by, changed.includes('grouping')]), [[0, 'tool-call-id', true], [1, 'tool-call-id', true]]);
  // With words of somebody else it is no answer of ours.
  await w.post({ messages: [user('1 + 2?'), { role: 'assistant', content: 'Left out.', tool_calls: calls }, tool('3', calls[0].id), tool('6', calls[1].id), user('and now?')], tools: [ADD_TOOL] });
  assert.equal(w.journal[4]!.continuation, 'rewritten');
});
