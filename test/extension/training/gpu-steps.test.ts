import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SetupSteps, type SetupProgress } from '../../../extension/training/gpu-steps.ts';

test('steps become a progress that ends at a hundred percent', () => {
  const told: SetupProgress[] = [];
  const steps = new SetupSteps((progress) => told.push(progress));
  for (const index of [0, 1, 2, 3]) {
    steps.take(JSON.stringify({ type: 'step', index, of: 4, title: `step ${index}` }));
    steps.take(JSON.stringify({ type: 'detail', text: 'Downloading torch (190 MB)' }));
    steps.take(JSON.stringify({ type: 'step', index, of: 4, title: `step ${index}`, done: 'there' }));
  }
  assert.equal(told.reduce((sum, { increment }) => sum + increment, 0), 100);
  assert.equal(told[1]!.message, 'step 0: Downloading torch (190 MB)');
  assert.equal(steps.done, false);
  steps.take(JSON.stringify({ type: 'gpu', folder: '/x' }));
  assert.equal(steps.done, true);
});

test('an error is kept with its next step, and what is no line of ours is passed over', () => {
  const steps = new SetupSteps(() => assert.fail('nothing to tell'));
  steps.take('Warning: something');
  steps.take(JSON.stringify({ type: 'error', error: { code: 'usage', message: 'There is no Python on this machine.', next: 'Install it.' } }));
  assert.deepEqual([steps.failure!.message, steps.failure!.next, steps.done], ['There is no Python on this machine.', 'Install it.', false]);
});
