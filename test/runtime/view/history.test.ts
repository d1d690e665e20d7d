import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyOf } from '../../../runtime/view/history.ts';
import { ADD_TOOL, assistant, system, tool, user, world, type Json, type World } from '../gateway/world.ts';

const CALL = ' Let me add. \n<tool_call>\n{"name": "add", "arguments": {"b": 2,  "a": 1}}\n</tool_call>';

const script = (_: unknown, text: string): string => (text.includes('tool_response') ? 'It is 3.' : CALL);

async function ask(w: World, messages: Json[], more: Json = {}): Promise<Json> {
  const answer = await w.post({ messages, tools: [ADD_TOOL], ...more });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.choices[0].message;
}

const told = (w: World): Json[] => historyOf({ calls: w.journal });

test('what came back changed and was put back is told once, with how it was known', async () => {
  await using w = await world(script);
  const history: Json[] = [system('You add.'), user('1 + 2?')];
  const first = await ask(w, history);
  const [call] = first.tool_calls;
  history.push({ role: 'assistant', content: '', tool_calls: [{ ...call, function: { name: 'add', arguments: '{"a":1,"b":2}' } }] }, tool('3', call.id));
  const second = await ask(w, history);
  history.push(assistant(`${second.content} `), user('Sure?'));
  await ask(w, history);
  assert.deepEqual(told(w), [
    { call: 0, role: 'main', continuation: 'start', from: null, restored: [] },
    { call: 1, role: 'main', continuation: 'continued', from: 0, restored: [{ call: 0, by: 'tool-call-id', changed: ['text', 'arguments'] }] },
    { call: 2, role: 'main', continuation: 'continued', from: 1, restored: [{ call: 1, by: 'place', changed: ['text'] }] },
  ]);
  assert.equal(w.journal[2]!.restored, 2, 'both came back changed');
});

const changes: [because: string, change: (history: Json[], first: Json) => { messages: Json[]; tools?: Json[] }, place: Json][] = [
  ['system', ([, ...rest]) => ({ messages: [system('You subtract.'), ...rest] }), { message: 1, was: 'You add.', is: 'You subtract.' }],
  ['text', ([head, , ...rest]) => ({ messages: [head, user('1 + 3?'), ...rest] }), { message: 2, was: '1 + 2?', is: '1 + 3?' }],
  ['text', ([head, question], first) => ({ messages: [head, question, { ...first, content: 'I know.' }, tool('3', first.tool_calls[0].id)] }), { message: 3, was: 'Let me add.', is: 'I know.' }],
  ['arguments', ([head, question], first) => ({ messages: [head, question, { ...first, tool_calls: [{ ...first.tool_calls[0], function: { name: 'add', arguments: '{"a":9}' } }] }, tool('3', first.tool_calls[0].id)] }), { message: 3, was: '{"b":2,"a":1}', is: '{"a":9}' }],
  ['tool-calls', ([head, question], first) => ({ messages: [head, question, { ...first, tool_calls: undefined }, user('No tool.')] }), { message: 3, was: 'add', is: '' }],
  ['left-out', ([head, , ...rest]) => ({ messages: [head, ...rest, user('And?')] }), { message: 2, was: '1 + 2?' }],
  ['added', ([head, ...rest]) => ({ messages: [head, user('Careful!'), ...rest] }), { message: 2, is: 'Careful!' }],
  ['tools', (messages) => ({ messages, tools: [{ ...ADD_TOOL, function: { ...ADD_TOOL.function, description: 'Adds two.' } }] }), { message: 4 }],
];

for (const [because, change, place] of changes) {
  test(`a new branch says where and why: ${because} (${place.is ?? place.was ?? 'nothing else'})`, async () => {
    await using w = await world(script);
    const history: Json[] = [system('You add.'), user('1 + 2?')];
    const first = await ask(w, history);
    history.push(first, tool('3', first.tool_calls[0].id));
    const { messages, tools } = change(history, first);
    await ask(w, messages, tools && { tools });
    assert.deepEqual(told(w)[1].branch, { call: 0, because, ...place });
  });
}

test('the same asked again is no change of history; another question is a conversation of its own', async () => {
  await using w = await world('Yes.');
  await ask(w, [system('You add.'), user('1 + 2?')]);
  await ask(w, [system('You add.'), user('1 + 2?')]);
  await ask(w, [system('You add.'), user('3 + 4?')]);
  assert.deepEqual(told(w).map(({ branch }) => branch), [undefined, { call: 0, message: 3, because: 'asked-again' }, undefined]);
});
