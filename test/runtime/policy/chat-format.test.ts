import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { ChatMessage, ToolDefinition } from '../../../runtime/protocol/chat.ts';
import { loadChatFormat } from '../../../runtime/policy/chat-format.ts';
import { loadTokenizer } from '../../../runtime/policy/tokenizer.ts';
import { byteTokenizer } from './onnx/tiny-models.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tuning-fork-format-'));
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
});
after(() => rm(directory, { recursive: true, force: true }));

const json = (name: string, value: unknown): Promise<void> => writeFile(join(directory, name), JSON.stringify(value));
const load = async (): Promise<Awaited<ReturnType<typeof loadChatFormat>>> => loadChatFormat(directory, await loadTokenizer(directory));

const tools: ToolDefinition[] = [{ type: 'function', function: { name: 'add', description: 'Adds', parameters: { type: 'object' } } }];
const conversation: ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: '1+1?' },
  { role: 'assistant', content: '', reasoning: 'hm', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a": 1, "b": "é"}' } }] },
  { role: 'tool', content: '2', tool_call_id: 'c1' },
];

test('without a template: ChatML, and it says so', async () => {
  const format = await load();
  assert.equal(format.source, 'default ChatML');
  assert.deepEqual([...format.stopIds], [258]);
  assert.equal(format.render(conversation.slice(0, 2), undefined, true),
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n');
  const text = format.render(conversation, tools, true);
  assert.ok(text.startsWith('<|im_start|>system\nBe brief.\n\nYou may call these tools:\n<tools>\n{"type": "function", '));
  assert.ok(text.endsWith('<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "é"}}\n</tool_call><|im_end|>\n'
    + '<|im_start|>user\n<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|>assistant\n'), text);
  const call = /<tool_call>[\s\S]*<\/tool_call>/.exec(text)![0];
  assert.deepEqual(format.parse(call, tools).toolCalls, [{ name: 'add', arguments: '{"a":1,"b":"é"}' }]);
});

test('a template of its own, its variables, and all its ends', async () => {
  await writeFile(join(directory, 'chat_template.jinja'), '{{ bos_token }}{% for m in messages %}[{{ m.role }}|{{ m.reasoning_content }}|{{ m.content }}]{% endfor %}{{ eos_token if add_generation_prompt }}');
  await json('tokenizer_config.json', { bos_token: { content: '<|im_start|>' }, eos_token: '<|im_end|>', chat_template: 'not this one' });
  await json('generation_config.json', { eos_token_id: [256, 258] });
  await json('config.json', { eos_token_id: 7 });
  const format = await load();
  assert.equal(format.source, 'chat_template.jinja');
  assert.deepEqual([...format.stopIds].sort(), [256, 258, 7]);
  assert.equal(format.render([{ role: 'assistant', content: 'a', reasoning: 'r' }], undefined, true), '<|im_start|>[assistant|r|a]<|im_end|>');
});

test('templates by name: one for tools', async () => {
  await json('tokenizer_config.json', { chat_template: [{ name: 'default', template: 'plain' }, { name: 'tool_use', template: 'tools: {{ tools | length }}' }] });
  const format = await load();
  assert.equal(format.source, 'tokenizer_config.json');
  assert.equal(format.render(conversation, undefined, true), 'plain');
  assert.equal(format.render(conversation, tools, true), 'tools: 1');
});

test('a template that refuses or does not parse is named', async () => {
  await writeFile(join(directory, 'chat_template.jinja'), "{{ raise_exception('roles must alternate') }}");
  const format = await load();
  assert.throws(() => format.render(conversation, undefined, true), { code: 'model-request', message: /roles must alternate/ });
  await writeFile(join(directory, 'chat_template.jinja'), '{% for %}');
  await assert.rejects(load(), { code: 'policy', where: { file: join(directory, 'chat_template.jinja') } });
  await writeFile(join(directory, 'config.json'), '{');
  await assert.rejects(load(), { code: 'policy', where: { file: join(directory, 'config.json') } });
});
