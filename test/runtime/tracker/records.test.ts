import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRecord, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { callsOf, countTokens, track, whyUntrained } from '../../../runtime/tracker/index.ts';

function call(index: number, more: Partial<CallRecord>): CallRecord {
  return {
    index, id: `c${index}`, role: 'solver', target: true, policy: 'embedded', version: 0, start: 0, duration: 1,
    sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 8 }, history: { from: null, add: [] }, reply: { role: 'assistant', content: '' },
    finish: 'stop', continuation: 'start', usage: { prompt: 0, completion: 0, cached: 0 }, ...more,
  };
}

function record(rollout: string, calls: CallRecord[], more: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    v: 1, run: 'r', rollout, step: 0, split: 'training', taskIndex: 0, taskId: 't', sample: 0, attempt: 0, workflow: 'w', task: {}, status: 'finished',
    reward: 1, success: true, metadata: {}, started: '2026-11-20T00:00:00Z', duration: 1, calls, tools: [], ...more,
  };
}

const first = call(0, { tokens: { from: null, tail: [1, 2], sampled: [3, 0], logprobs: [-1, -2] } });
const second = call(1, { tokens: { from: 0, tail: [4], sampled: [5], logprobs: [-3] } });

test('stored rollouts become calls whose prompts are what the policy was shown', () => {
  const tree = track(callsOf([record('n0', [first, second]), record('n1', [first])]));
  assert.deepEqual([...tree.nodes.id], [1, 2, 3, 0, 4, 5]);
  assert.deepEqual([...tree.nodes.parent], [-1, 0, 1, 2, 3, 4]);
  assert.deepEqual([...tree.targets.weight], [2, 2, 1]);
  assert.deepEqual(tree.calls.map(({ why }) => why), [undefined, undefined, undefined]);
});

test('each call has the first reason that holds', () => {
  const tokens = { from: null, tail: [1], sampled: [2] };
  const told = { ...tokens, logprobs: [-1] };
  const fine = { split: 'training', status: 'finished', reward: 0 } as const;
  assert.equal(whyUntrained(fine, { target: true, tokens: told }), undefined, 'a reward of 0 is a reward');
  assert.equal(whyUntrained({ ...fine, reward: null }, { target: true, tokens: told }), 'no-reward');
  assert.equal(whyUntrained({ ...fine, status: 'failed', reward: null }, { target: true, tokens: told }), 'rollout-failed');
  assert.equal(whyUntrained({ ...fine, status: 'cancelled' }, { target: true, tokens: told }), 'rollout-failed');
  assert.equal(whyUntrained({ ...fine, status: 'failed', split: 'validation' }, { target: true, tokens: told }), 'validation');
  assert.equal(whyUntrained({ ...fine, split: 'validation' }, { target: true, tokens }), 'no-logprobs');
  assert.equal(whyUntrained(fine, { target: true }), 'no-token-ids');
  assert.equal(whyUntrained(fine, { target: false }), 'role-not-a-target');
  assert.equal(whyUntrained({ ...fine, status: 'failed' }, { target: false, why: 'undelivered', tokens: told }), 'undelivered');
});

test('a rollout of a model that tells no ids is kept, and trains nothing', () => {
  const tree = track(callsOf([record('n0', [call(0, {}), call(1, { target: false })]), record('n1', [first, second], { status: 'failed' })]));
  assert.deepEqual(tree.calls.map(({ why }) => why), ['no-token-ids', 'role-not-a-target', 'rollout-failed', 'rollout-failed']);
  assert.equal(tree.targets.node.length, 0);
  assert.deepEqual(countTokens(tree).untrained, { 'no-token-ids': 0, 'role-not-a-target': 0, 'rollout-failed': 3 });
});
