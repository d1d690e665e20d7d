import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environment, envService } from '../../../runtime/judges/environment.ts';
import { output, task } from './help.ts';
import type { Json } from '../../../runtime/protocol/json.ts';

test('the environment’s word is the reward', () => {
  const judge = environment();
  assert.deepEqual(judge.judge(task({}), output({ evaluation: 0.5 })), { reward: 0.5, success: false, parts: { environment: 0.5 } });
  assert.deepEqual(judge.judge(task({}), output({ reward: 1 })), { reward: 1, success: true, parts: { environment: 1 } });
  assert.equal(judge.judge(task({}), output({ evaluation: { reward: 0.2, success: true } })).success, true);
});

test('AgentJet’s scale', () => {
  const judge = envService();
  assert.deepEqual(judge.judge(task({}), output({ evaluation: 1 })), { reward: 1.5, success: true, parts: { environment: 0.5, success: 1 } });
  assert.deepEqual(judge.judge(task({}), output({ evaluation: 0.4 })), { reward: 0.2, success: false, parts: { environment: 0.2, success: 0 } });
});

test('no word, or none that is a number', () => {
  assert.throws(() => environment({ workflow: 'Walk' }).judge(task({}), output({})), { code: 'reward', message: /^Walk returned neither a reward nor its environment’s word/ });
  const words: Json[] = ['1', [1], { reward: null }, {}];
  for (const evaluation of words) {
    assert.throws(() => environment({ workflow: 'Walk' }).judge(task({}), output({ evaluation })), { code: 'reward', message: /^The environment of Walk gave the reward/ });
  }
});
