import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decimal, duration, progressText } from '../../../extension/runs/progress-text.ts';
import { emptyProgress } from '../../../runtime/backbone/progress.ts';

const l10n = { t: (text: string, ...values: (string | number)[]) => text.replace(/\{(\d)\}/g, (_, i: string) => String(values[Number(i)])) };

test('counts say what there is to say, and no more', () => {
  const progress = { ...emptyProgress(), planned: 16 };
  assert.equal(progressText(progress, l10n), '0 of 16');
  assert.equal(progressText({ ...progress, finished: 4, cancelled: 1, rewards: 4, rewardSum: 2.5 }, l10n), '5 of 16 · mean reward 0.63');
  assert.equal(progressText({ ...progress, failed: 2 }, l10n), '2 of 16 · 2 failed');
});

test('numbers as a person reads them', () => {
  assert.equal(decimal(-0.001), '0.00');
  assert.equal(decimal(-0.5), '-0.50');
  assert.deepEqual([12.4, 999.6, 59_960, 61_000, 3_700_000].map(duration), ['12 ms', '1.0 s', '1 min 0 s', '1 min 1 s', '1 h 1 min']);
});
