import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessages } from '../../../../extension/debug/adapter/messages.ts';

test('messages are taken as they were edited', () => {
  const messages = [{ role: 'system', content: 'Answer.' }, { role: 'assistant', content: '', tool_calls: [{ id: 'a', type: 'function', function: { name: 'add', arguments: '{}' } }] }, { role: 'tool', content: '5', tool_call_id: 'a' }];
  assert.deepEqual(readMessages(JSON.stringify(messages)), messages);
});

test('what is wrong with edited messages is told by its place', () => {
  const wrong: [string, RegExp][] = [
    ['[{', /^The messages are no JSON: /],
    ['{}', /must be a list/],
    ['[]', /at least one message/],
    ['["hi"]', /^Message 0 must be an object/],
    ['[{"role":"user","content":"a"},{"role":"bot","content":"b"}]', /^Message 1 needs a "role"/],
    ['[{"role":"user","content":["a"]}]', /^Message 0 needs a "content" that is text/],
    ['[{"role":"user","content":"a","contnet":"b"}]', /^Message 0 can't have "contnet"/],
  ];
  for (const [text, sentence] of wrong) assert.throws(() => readMessages(text), { code: 'usage', message: sentence }, text);
});
