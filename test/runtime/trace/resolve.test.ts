import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesOf, promptIds, toolsOf } from '../../../runtime/trace/index.ts';
import { call, rollout } from './samples.ts';

test('prompts, messages and tools follow their chains', () => {
  const record = rollout(0, 4, 6);
  const [a, b, c] = record.calls;
  assert.deepEqual(promptIds(record, 0), a!.tokens!.tail);
  assert.deepEqual(promptIds(record, 2), [
    ...a!.tokens!.tail, ...a!.tokens!.sampled, ...b!.tokens!.tail, ...b!.tokens!.sampled, ...c!.tokens!.tail,
  ]);
  assert.deepEqual(messagesOf(record, 2), [...a!.history.add, a!.reply, ...b!.history.add, b!.reply, ...c!.history.add]);
  assert.equal(toolsOf(record, 3), a!.tools);
});

test('chains go by the index of a call, not by its place, and may branch', () => {
  const calls = [call(0), call(7, undefined, 5, { history: { from: 0, add: [] }, tools: undefined, tokens: { from: 0, tail: [9], sampled: [8], logprobs: [-1] } })];
  assert.deepEqual(promptIds({ calls }, 7), [...calls[0]!.tokens!.tail, ...calls[0]!.tokens!.sampled, 9]);
  assert.equal(toolsOf({ calls }, 7), undefined);
  assert.throws(() => promptIds({ calls }, 1), /There is no call 1 in this rollout/);
});

test('without ids there is no prompt; a hostile chain does not go in circles', () => {
  assert.equal(promptIds({ calls: [call(0, undefined, 2, { tokens: undefined })] }, 0), null);
  const loop = [call(0, undefined, 2, { history: { from: 0, add: [] }, tools: 0, tokens: { from: 0, tail: [], sampled: [] } })];
  for (const resolve of [promptIds, messagesOf, toolsOf]) assert.throws(() => resolve({ calls: loop }, 0), /Call 0 builds on call 0/);
});

test('a chain of ten thousand calls is no deeper for the stack', () => {
  const record = rollout(0, 10_000, 1);
  assert.equal(promptIds(record, 9_999)!.length, 4 + 2 * 9_999);
});
