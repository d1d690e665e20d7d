import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ChatMessage, ToolDefinition } from '../../../../runtime/protocol/chat.ts';
import { loadChatFormat } from '../../../../runtime/policy/chat-format.ts';
import { loadTokenizer } from '../../../../runtime/policy/tokenizer.ts';

const directory = fileURLToPath(new URL('../../../../runtime/policy/embedded', import.meta.url));
const tokenizer = await loadTokenizer(directory);
const format = await loadChatFormat(directory, tokenizer);

interface Golden {
  messages?: ChatMessage[];
  tools?: ToolDefinition[] | null;
  text: string;
  ids: number[];
}

const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as Golden[];

test('templates and ids are those of Python, where the policy was taught', () => {
  for (const { messages, tools, text, ids } of golden) {
    if (messages) assert.equal(format.render(messages, tools ?? undefined, false), text);
    assert.deepEqual(tokenizer.encode(text), ids);
    assert.equal(tokenizer.decode(ids), text);
  }
});

test('a number of one or two digits is one token', () => {
  for (let number = 0; number < 100; number++) assert.equal(tokenizer.encode(String(number)).length, 1, String(number));
});

test('the prompt of a longer conversation begins with the ids of the shorter one and its answer', () => {
  const messages = golden.find((one) => !one.tools && one.messages && one.messages.length > 4)!.messages!;
  const short = format.render(messages.slice(0, 2), undefined, true) + messages[2]!.content + '<|im_end|>';
  assert.ok(format.render(messages.slice(0, 4), undefined, true).startsWith(`${short}\n`));
});

test('two answers of tools share one turn, and a system turn appears where only tools are given', () => {
  const tools: ToolDefinition[] = [{ type: 'function', function: { name: 'find', parameters: { type: 'object', properties: { what: {}, where: {} } } } }];
  const rendered = format.render([
    { role: 'user', content: 'Look.' },
    { role: 'assistant', content: '', tool_calls: [{ id: 'a', type: 'function', function: { name: 'find', arguments: '{"what": "x"}' } }] },
    { role: 'tool', tool_call_id: 'a', content: 'one' },
    { role: 'tool', tool_call_id: 'b', content: 'two' },
  ], tools, true);
  assert.equal(rendered, [
    '<|im_start|>system', 'Tools:', 'find(what, where)<|im_end|>', '<|im_start|>user', 'Look.<|im_end|>',
    '<|im_start|>assistant', '<tool_call>', '{"name": "find", "arguments": {"what": "x"}}', '</tool_call><|im_end|>',
    '<|im_start|>user', '<tool_response>', 'one', '</tool_response>', '<tool_response>', 'two', '</tool_response><|im_end|>',
    '<|im_start|>assistant', '',
  ].join('\n'));
});

test('it stays small', () => {
  const sizes = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(directory, name))).filter((file) => file.isFile());
  assert.ok(sizes.reduce((sum, file) => sum + file.size, 0) <= 12 * 1024 ** 2);
  const header = readFileSync(join(directory, 'model.safetensors'));
  const tensors = JSON.parse(header.subarray(8, 8 + Number(header.readBigUInt64LE(0))).toString()) as Record<string, { shape?: number[] }>;
  const parameters = Object.values(tensors).reduce((sum, { shape }) => sum + (shape?.reduce((size, side) => size * side, 1) ?? 0), 0);
  assert.ok(parameters > 500_000 && parameters <= 1_500_000, String(parameters));
});
