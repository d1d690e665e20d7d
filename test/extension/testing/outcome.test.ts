import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Groups, outcomeOf, type Ended } from '../../../extension/testing/outcome.ts';
import type { IndexEntry } from '../../../runtime/trace/index.ts';

const l10n = { t: (text: string, ...values: (string | number)[]) => text.replace(/\{(\d)\}/g, (_, i: string) => String(values[Number(i)])) };

function ended(more: Partial<IndexEntry>, error?: Ended['error']): Ended {
  return { error, task: more.task ?? 'sum', entry: { id: 'a', attempt: 1, step: 0, split: 'training', task: 'sum', taskIndex: 0, sample: 0, status: 'finished', reward: 1, success: null, duration: 1, flags: [], calls: 1, prompt: 1, sampled: 1, trained: 0, file: 0, offset: 0, length: 1, ...more } };
}

const failed = ended({ status: 'failed', reward: null }, { code: 'rollout-threw', message: 'no' });

test('a task passes by the share of right rollouts, else by their mean reward', () => {
  const [right, wrong] = [ended({ success: true }), ended({ success: false, reward: 0 })];
  assert.deepEqual(outcomeOf([right, wrong], 0.5, l10n), { state: 'passed', text: '1 of 2 right, mean reward 0.50' });
  assert.equal(outcomeOf([right, wrong], 0.75, l10n).state, 'failed');
  assert.equal(outcomeOf([ended({ reward: 0.4 })], 0.5, l10n).state, 'failed');
  assert.equal(outcomeOf([ended({ reward: 0.4 })], 0.4, l10n).state, 'passed');
});

test('a rollout that failed is a wrong one; where all failed, the task could not be run', () => {
  assert.deepEqual(outcomeOf([ended({ success: true }), failed], 0.75, l10n), { state: 'failed', text: '1 of 2 right, mean reward 0.50, 1 failed', error: failed.error });
  assert.deepEqual(outcomeOf([failed, failed], 0, l10n), { state: 'errored', text: 'no', error: failed.error });
});

test('what was cancelled says nothing', () => {
  const cancelled = ended({ status: 'cancelled', reward: null });
  assert.deepEqual(outcomeOf([cancelled, cancelled], 0.5, l10n), { state: 'skipped' });
  assert.equal(outcomeOf([cancelled, ended({ success: true })], 1, l10n).state, 'passed');
});

test('a group is told once it is whole', () => {
  const groups = new Groups(2);
  assert.equal(groups.add(ended({ sample: 0 })), undefined);
  assert.equal(groups.add(ended({ task: 'other' })), undefined);
  assert.equal(groups.add(ended({ sample: 1 }))?.length, 2);
  assert.deepEqual([...groups.rest().keys()], ['other']);
});
