import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SampleRequest } from '../../../runtime/policy/policy.ts';
import { scriptedPolicy } from '../../../runtime/policy/scripted.ts';

const policy = scriptedPolicy('echo', (prompt, ids, call) => `${call}: ${prompt.length} characters, ${ids.length} tokens`);
const prompt = policy.tokenizer.encode(policy.format.render([{ role: 'user', content: 'Grüße 世界' }], undefined, true));
const request = (more: Partial<SampleRequest> = {}): SampleRequest => (
  { prompt, sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 100 }, stopIds: policy.format.stopIds, key: 0n, ...more });

test('its tokenizer is exact in both directions', () => {
  const text = policy.tokenizer.decode(prompt);
  assert.equal(text, '<|im_start|>user\nGrüße 世界<|im_end|>\n<|im_start|>assistant\n');
  assert.deepEqual(policy.tokenizer.encode(text), prompt);
  assert.deepEqual(Buffer.concat(prompt.map((id) => policy.tokenizer.bytes(id))).toString(), text);
});

test('it says what the script says, ends the turn, and always with the same logprobs', async () => {
  assert.equal(policy.label, 'scripted:echo');
  const first = await policy.sample(request({ top: 2 })), second = await policy.sample(request({ top: 2 }));
  assert.equal(policy.tokenizer.decode(first.ids), `0: 58 characters, ${prompt.length} tokens<|im_end|>`);
  assert.equal(first.finish, 'stop');
  assert.deepEqual(first.logprobs.slice(1), second.logprobs.slice(1));
  assert.ok(first.logprobs.every((logprob) => logprob < 0 && Math.fround(logprob) === logprob));
  assert.deepEqual([first.top!.ids.length, first.top!.logprobs.length], [first.ids.length * 2, first.ids.length * 2]);
});

test('it ends where a real one would', async () => {
  const short = await policy.sample(request({ sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 3 } }));
  assert.deepEqual([short.ids.length, short.finish], [3, 'length']);
  let seen = 0;
  const watched = await policy.sample(request({ onToken: () => ++seen === 5 }));
  assert.deepEqual([watched.ids.length, watched.finish], [5, 'stop']);
  const slow = scriptedPolicy('slow', () => 'x'.repeat(1000), { tokenDelayMs: 5, contextLength: 200 });
  await assert.rejects(slow.sample(request({ signal: AbortSignal.timeout(20) })), { name: 'TimeoutError' });
  await assert.rejects(slow.sample(request({ prompt: Array.from({ length: 200 }, () => 1) })), { code: 'context-length' });
});
