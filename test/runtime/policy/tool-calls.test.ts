import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToolDefinition } from '../../../runtime/protocol/chat.ts';
import { parseAnswer } from '../../../runtime/policy/tool-calls.ts';
import { TokenRandom } from '../../../runtime/policy/random.ts';

const tool = (name: string, properties: Record<string, unknown> = {}): ToolDefinition => (
  { type: 'function', function: { name, parameters: { type: 'object', properties } } });
const tools = [tool('calculator', { expression: { type: 'string' }, precision: { type: 'integer' } }), tool('move')];

test('Hermes calls, one and several, with text around them', () => {
  assert.deepEqual(parseAnswer('<tool_call>\n{"name": "calculator", "arguments": {"expression": "1+1"}}\n</tool_call>', tools),
    { content: '', toolCalls: [{ name: 'calculator', arguments: '{"expression":"1+1"}' }] });
  assert.deepEqual(parseAnswer('Let me see.\n<tool_call>{"name":"move","arguments":{}}</tool_call>\n<tool_call>{"name":"move","arguments":{"to":"up"}}</tool_call>', tools),
    { content: 'Let me see.', toolCalls: [{ name: 'move', arguments: '{}' }, { name: 'move', arguments: '{"to":"up"}' }] });
});

test('a last call without its closing tag is read when it is whole', () => {
  assert.deepEqual(parseAnswer('<tool_call>{"name":"move","arguments":{"to":"up"}}', tools).toolCalls, [{ name: 'move', arguments: '{"to":"up"}' }]);
  const cut = parseAnswer('<tool_call>{"name":"move","argum', tools);
  assert.equal(cut.toolCalls.length, 0);
  assert.equal(cut.content, '<tool_call>{"name":"move","argum');
  assert.match(cut.malformed!, /not valid JSON/);
});

test('a malformed call stays text beside a good one', () => {
  const answer = parseAnswer('<tool_call>{"name":"move","arguments":{}}</tool_call><tool_call>{oops}</tool_call>', tools);
  assert.deepEqual(answer.toolCalls, [{ name: 'move', arguments: '{}' }]);
  assert.equal(answer.content, '<tool_call>{oops}</tool_call>');
  assert.match(answer.malformed!, /not valid JSON/);
});

test('arguments must be an object, and a name must be there', () => {
  assert.match(parseAnswer('<tool_call>{"name":"move","arguments":[1]}</tool_call>', tools).malformed!, /arguments of the tool call "move" must be a JSON object/);
  assert.match(parseAnswer('<tool_call>{"arguments":{}}</tool_call>', tools).malformed!, /no "name"/);
  assert.match(parseAnswer('<tool_call>"move"</tool_call>', tools).malformed!, /must be a JSON object/);
  assert.match(parseAnswer('<tool_call></tool_call>', tools).malformed!, /empty/);
  assert.deepEqual(parseAnswer('<tool_call>{"name":"move","arguments":"{\\"to\\":1}"}</tool_call>', tools).toolCalls, [{ name: 'move', arguments: '{"to":1}' }]);
});

test('numbers keep their spelling', () => {
  const text = '<tool_call>{"name":"move","arguments":{"id":12345678901234567890,"x":1.0}}</tool_call>';
  assert.equal(parseAnswer(text, tools).toolCalls[0]!.arguments, '{"id":12345678901234567890,"x":1.0}');
});

test('Llama: bare JSON, python tag, several by semicolon', () => {
  const call = { name: 'calculator', arguments: '{"expression":"2;3"}' };
  assert.deepEqual(parseAnswer('{"name": "calculator", "parameters": {"expression": "2;3"}}', tools), { content: '', toolCalls: [call] });
  assert.deepEqual(parseAnswer('<|python_tag|>{"type": "function", "name": "calculator", "parameters": {"expression": "2;3"}}', tools), { content: '', toolCalls: [call] });
  assert.deepEqual(parseAnswer('{"name": "calculator", "parameters": {"expression": "2;3"}}; {"name": "move", "parameters": {}}', tools),
    { content: '', toolCalls: [call, { name: 'move', arguments: '{}' }] });
  const python = parseAnswer('<|python_tag|>print(1)', tools);
  assert.equal(python.content, '<|python_tag|>print(1)');
  assert.match(python.malformed!, /not valid JSON/);
  assert.match(parseAnswer('<|python_tag|>', tools).malformed!, /empty/);
});

test('JSON that is an answer stays an answer', () => {
  for (const text of ['{"name": "Ada", "age": 3}', '{"result": 3}', '[1, 2]']) assert.deepEqual(parseAnswer(text, tools), { content: text, toolCalls: [] });
});

test('functions in tags, with JSON or parameters', () => {
  assert.deepEqual(parseAnswer('<function=calculator>{"expression": "1"}</function>', tools).toolCalls, [{ name: 'calculator', arguments: '{"expression":"1"}' }]);
  const coder = '<tool_call>\n<function=calculator>\n<parameter=expression>\n1 + 2\n</parameter>\n<parameter=precision>\n3\n</parameter>\n</function>\n</tool_call>';
  assert.deepEqual(parseAnswer(coder, tools), { content: '', toolCalls: [{ name: 'calculator', arguments: '{"expression":"1 + 2","precision":3}' }] });
});

test('thinking is set apart, also when the prompt opened it or the answer ended in it', () => {
  assert.deepEqual(parseAnswer('<think>\nhm\n</think>\n\n4', undefined), { content: '4', reasoning: 'hm', toolCalls: [] });
  assert.deepEqual(parseAnswer('hm\n</think>\n\n4', undefined), { content: '4', reasoning: 'hm', toolCalls: [] });
  assert.deepEqual(parseAnswer('<think>\nhm', undefined), { content: '', reasoning: 'hm', toolCalls: [] });
  assert.equal(parseAnswer('<think>x</think><tool_call>{"name":"move","arguments":{}}</tool_call>', tools).toolCalls.length, 1);
});

test('without tools nothing is a call', () => {
  const text = '<tool_call>{"name":"move","arguments":{}}</tool_call>';
  assert.deepEqual(parseAnswer(text, undefined), { content: text, toolCalls: [] });
  assert.deepEqual(parseAnswer(text, []), { content: text, toolCalls: [] });
});

test('any text is read without throwing; calls carry objects; what is not a call is not lost', () => {
  const pieces = ['<tool_call>', '</tool_call>', '<function=', 'move>', '</function>', '<parameter=a>', '</parameter>', '<|python_tag|>', '<think>', '</think>',
    '{"name":', '"move"', ',"arguments":', '{}', '{"a":1e999}', '}', '{', '"', '\\', ';', '\n', ' ', 'x', '\u{1f600}', '\ud800', '"parameters":', 'null', '[', ']'];
  const random = new TokenRandom(7n);
  let drawn = 0;
  for (let round = 0; round < 20_000; round++) {
    const length = 1 + Math.floor(random.uniform(drawn++) * 12);
    const text = Array.from({ length }, () => pieces[Math.floor(random.uniform(drawn++) * pieces.length)]).join('');
    const answer = parseAnswer(text, tools);
    for (const call of answer.toolCalls) assert.equal(typeof JSON.parse(call.arguments), 'object', text);
    if (answer.malformed === undefined && answer.toolCalls.length === 0 && answer.reasoning === undefined) assert.equal(answer.content, text);
  }
});
