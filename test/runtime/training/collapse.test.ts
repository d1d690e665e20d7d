import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepRow } from '../../../runtime/protocol/training.ts';
import { signsOf } from '../../../runtime/training/collapse.ts';

const ROW: StepRow = {
  kind: 'step', step: 1, epoch: 1, version: 1, stepped: true, tasks: 4, rollouts: 16, lost: 0, failed: 0, rewardMean: 0.3, rewardStd: 0.4, rewardMin: 0, rewardMax: 1, success: 0.3,
  callsPerRollout: 1, sampledPerRollout: 20, truncated: 0.02, malformed: 0.01, groups: 4, groupsWithSpread: 3, groupsWithoutSpread: 1, groupsOfOne: 0,
  sampledTokens: 320, trainedTokens: 240, untrained: {}, targets: 200, naiveTokens: 900, sharedTokens: 400, computedTokens: 420, saved: 0.5, packs: 1, updates: 1, skipped: 0, learningRate: 3e-4,
  loss: 0, policyLoss: 0, kl: null, entropy: 0.8, clipLow: 0, clipHigh: 0, clipDual: 0, ratioMean: 1, ratioMax: 1, samplerGap: 1e-6, importanceMean: 1, gradNorm: 0.5,
  time: { at: 0, collect: 1, prepare: 1, score: 0, learn: 1, total: 3, sampledPerSecond: 100 },
};

function kinds(...parts: [count: number, row: Partial<StepRow>][]): string[] {
  const rows = parts.flatMap(([count, row]) => Array.from({ length: count }, () => ({ ...ROW, ...row }))).map((row, i) => ({ ...row, step: i + 1 }));
  const signs = signsOf(rows, 'float32');
  for (const { notice } of signs) assert.ok(notice.next !== undefined && !/NaN|Infinity|null/.test(notice.message), notice.message);
  return signs.map(({ kind }) => kind);
}

test('a training that goes well, at its start and later, says nothing', () => {
  assert.deepEqual(kinds(), []);
  assert.deepEqual(kinds([1, {}]), []);
  assert.deepEqual(kinds([10, {}], [10, { rewardMean: 0.8, success: 0.8, entropy: 0.3 }]), []);
});

test('each sign of collapse is told for what it is', () => {
  assert.deepEqual(kinds([6, {}], [3, { entropy: 0.01 }]), ['entropy']);
  assert.deepEqual(kinds([6, {}], [3, { entropy: 0.01, success: 0.97, rewardMean: 0.97 }]), [], 'sure because it is right');
  assert.deepEqual(kinds([3, {}], [5, { groupsWithSpread: 0, stepped: false, loss: null, entropy: null, samplerGap: null, skipped: null }]), ['no-spread']);
  assert.deepEqual(kinds([6, {}], [3, { truncated: 0.6 }]), ['truncated']);
  assert.deepEqual(kinds([6, {}], [3, { malformed: 0.6 }]), ['malformed']);
  assert.deepEqual(kinds([6, { kl: 0.01 }], [3, { kl: 1.2 }]), ['kl']);
  assert.deepEqual(kinds([6, {}], [6, { rewardMean: 0.9 }], [3, { rewardMean: 0.1, rewardStd: 0.2 }]), ['reward']);
  assert.deepEqual(kinds([1, { skipped: 1 }]), ['not-finite']);
});

test('sampler and trainer must agree, as well as the precision allows', () => {
  assert.deepEqual(kinds([1, { samplerGap: 0.01 }]), ['sampler-gap']);
  assert.deepEqual(signsOf([{ ...ROW, samplerGap: 0.01 }], 'bfloat16'), []);
  assert.deepEqual(signsOf([{ ...ROW, samplerGap: 0.1 }], 'bfloat16').map(({ kind }) => kind), ['sampler-gap']);
});

test('that nothing is left to learn is good news, and told as such', () => {
  const rows = Array.from({ length: 5 }, (_, i) => ({ ...ROW, step: i + 1, groupsWithSpread: 0, success: 1, rewardMean: 1 }));
  assert.match(signsOf(rows, 'float32')[0]!.notice.message, /nothing left to learn/);
  assert.match(signsOf(rows.map((row) => ({ ...row, success: 0 })), 'float32')[0]!.notice.next!, /num_repeat/);
});
