import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswer } from '../../../runtime/gateway/answer.ts';
import { readRequest } from '../../../runtime/gateway/request.ts';
import { AnswerParts, type Part } from '../../../runtime/serve/parts.ts';
import { ADD_TOOL, bytesOf, formatOf, IM_END, ToldPolicy } from '../gateway/world.ts';

const policy = new ToldPolicy(await formatOf(), () => '');
const { tools } = readRequest(JSON.stringify({ messages: [{ role: 'user', content: 'q' }], tools: [ADD_TOOL] }));
const CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';

/** What was told while it was sampled, what at the end, and the answer as a whole. */
function told(text: string, { withTools = false, stop = [] as string[], prompt = '<|im_start|>assistant\n' } = {}) {
  const parts = new AnswerParts({ policy, prompt, tools: withTools, stop });
  const ids = [...bytesOf(text), IM_END];
  const early = ids.flatMap((id) => parts.push(id));
  const { reply } = readAnswer(policy, { ids, finish: 'stop' }, { tools: withTools ? tools : undefined, toolChoice: undefined, format: undefined, stop }, () => 'call');
  return { early: joined(early), late: joined(parts.end(reply)), reply };
}

function joined(parts: readonly Part[]): { reasoning: string; content: string } {
  return {
    reasoning: parts.map((part) => ('reasoning_content' in part ? part.reasoning_content : '')).join(''),
    content: parts.map((part) => ('content' in part ? part.content : '')).join(''),
  };
}

test('the parts of an answer are the answer, whatever is in it', () => {
  const pieces = ['', ' ', 'Sum: 3.', '\n\n', '→ 😀', '<think>', '</think>', 'a < b', '<tool', CALL, '{"name": "add", "arguments": {}}', '{', '<function=add>{"a": 1}</function>', 'STOP', 'ST'];
  let checked = 0;
  for (const first of pieces) for (const second of pieces) for (const third of pieces) {
    for (const options of [{}, { withTools: true }, { stop: ['STOP', '\n\n'] }, { withTools: true, stop: ['STOP'] }]) {
      const text = first + second + third;
      // Without its opening, what was thinking is known too late.
      if (/^(?!\s*<think>).*<\/think>/s.test(text)) continue;
      const { early, late, reply } = told(text, options);
      const whole = { reasoning: early.reasoning + late.reasoning, content: early.content + late.content };
      assert.equal(whole.reasoning, reply.reasoning ?? '', `${JSON.stringify(text)} ${JSON.stringify(options)}`);
      // Blanks before text that a tool call follows may have been told before the call was there.
      const expected = reply.tool_calls === undefined ? reply.content : reply.content.trimStart();
      assert.equal(reply.tool_calls === undefined ? whole.content : whole.content.trimStart(), expected, `${JSON.stringify(text)} ${JSON.stringify(options)}`);
      checked++;
    }
  }
  assert.ok(checked > 5_000);
});

test('text is told as it comes, and only what may become something else is held back', () => {
  assert.deepEqual(told('Hello, world.').early, { reasoning: '', content: 'Hello, world.' });
  assert.deepEqual(told('<think>hm, 1 < 2</think>\n\nTwo.').early, { reasoning: 'hm, 1 < 2', content: 'Two.' });
  assert.deepEqual(told('hm</think>Two.', { prompt: '<|im_start|>assistant\n<think>\n' }).early, { reasoning: 'hm', content: 'Two.' });
  assert.deepEqual(told(`First. ${CALL}`, { withTools: true }).early, { reasoning: '', content: 'First.' });
  assert.deepEqual(told('a <tool', { withTools: true }), { early: { reasoning: '', content: 'a' }, late: { reasoning: '', content: ' <tool' }, reply: { role: 'assistant', content: 'a <tool' } });
  assert.deepEqual(told('one STOP two', { stop: ['STOP'] }).early.content, 'one ');
  assert.deepEqual(told('one ST', { stop: ['STOP'] }), { early: { reasoning: '', content: 'one ' }, late: { reasoning: '', content: 'ST' }, reply: { role: 'assistant', content: 'one ST' } });
});
