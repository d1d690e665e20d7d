import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { advantagesOf } from '../../../runtime/training/advantage.ts';
import { makeBatch, type BatchOptions, type TrainingBatch } from '../../../runtime/training/batch.ts';
import type { Aggregation } from '../../../runtime/training/weigh.ts';
import { dice, shuffled } from '../tracker/forest.ts';
import { differ, packedLoss, plainLoss, tokensOf, type Loss, type PlainToken } from './plain-loss.ts';
import { callOf, recordOf, rolloutsOf } from './records.ts';

const OPTIONS: BatchOptions = {
  estimator: 'grpo', aggregation: 'rollout-mean', constantLength: 10, minibatches: 1, epochs: 1, version: 0,
  engine: { token: 1, pathPair: 0.001, treePair: 0.002 }, maxTokens: 200, maxTree: 200, trees: true, limits: { tokens: 300, pairs: 1e6 },
};
const UNIT: Record<Aggregation, Parameters<typeof plainLoss>[1]> = {
  'rollout-mean': ({ rollout }) => rollout, 'token-mean': 'token', 'seq-mean-token-mean': ({ row }) => row, 'rollout-constant': 'token',
};

function lossOf({ packs, updates }: TrainingBatch, update = 0): Loss {
  return packedLoss(updates[update]!.packs.map((index) => packs[index]!), updates[update]!.denominator);
}

function expected(records: readonly RolloutRecord[], { estimator, aggregation }: Pick<BatchOptions, 'estimator' | 'aggregation'>): Loss {
  const advantages = advantagesOf(records.map((record) => ({
    rollout: record.rollout, group: String(record.taskIndex), reward: record.reward!, tokens: record.calls.reduce((sum, { tokens }) => sum + tokens!.sampled.length, 0),
  })), estimator);
  return plainLoss(tokensOf(records, ({ rollout }) => advantages.of(rollout)), UNIT[aggregation]);
}

const random = (seed: number): RolloutRecord[] => rolloutsOf(dice(seed), { tasks: 4, repeats: 4, calls: 4, anew: 0.3, rewards: [0, 0.5, 1] });

test('any layout, packing and aggregation gives the loss of the plain rule, token by token', () => {
  for (let seed = 0; seed < 40; seed++) {
    const records = random(seed);
    for (const aggregation of ['rollout-mean', 'token-mean', 'seq-mean-token-mean'] as const) {
      for (const estimator of ['grpo', 'dr_grpo', 'rloo', 'reinforce_plus_plus'] as const) {
        const want = expected(records, { estimator, aggregation });
        for (const layout of [{}, { trees: false }, { limits: { tokens: 40, pairs: 1e4 } }, { engine: { token: 1, pathPair: 0, treePair: 0 } }, { engine: { token: 1, pathPair: 5, treePair: 9 } }]) {
          const batch = makeBatch(records, { ...OPTIONS, ...layout, aggregation, estimator });
          assert.equal(batch.updates.length, 1);
          assert.ok(differ(lossOf(batch), want) < 1e-9, `seed ${seed}, ${aggregation}, ${estimator}, ${JSON.stringify(layout)}`);
        }
      }
    }
  }
});

test('the order in which rollouts of a group come in changes no bit of the packs', () => {
  const d = dice(1);
  for (let seed = 0; seed < 10; seed++) {
    const records = random(seed);
    const again = [...Map.groupBy(records, ({ taskIndex }) => taskIndex).values()].flatMap((group) => shuffled(group, d));
    assert.deepEqual(makeBatch(again, OPTIONS), makeBatch(records, OPTIONS));
  }
});

test('minibatches split groups, each with its own denominator; epochs take the same packs again', () => {
  const records = random(2);
  const batch = makeBatch(records, { ...OPTIONS, minibatches: 2, epochs: 3 });
  assert.equal(batch.updates.length, 6);
  assert.deepEqual(batch.updates.slice(2, 4), batch.updates.slice(0, 2));
  assert.deepEqual(batch.updates.slice(0, 2).flatMap(({ packs }) => packs), batch.packs.map((_, i) => i));
  const spread = [...Map.groupBy(records, ({ taskIndex }) => taskIndex).values()].filter((group) => new Set(group.map(({ reward }) => reward)).size > 1);
  const half = Math.floor(spread.length / 2);
  for (const [update, groups] of [spread.slice(0, half), spread.slice(half)].entries()) {
    assert.ok(differ(lossOf(batch, update), expected(groups.flat(), OPTIONS)) < 1e-9);
    assert.equal(batch.updates[update]!.denominator, groups.flat().length);
  }
  assert.equal(makeBatch(records, { ...OPTIONS, minibatches: 99 }).updates.length, spread.length, 'no more updates than groups');
});

test('micro-batches don’t matter: small packs and large ones have one denominator and one sum', () => {
  const records = random(7);
  const losses = [10_000, 120, 40].map((tokens) => {
    const batch = makeBatch(records, { ...OPTIONS, aggregation: 'token-mean', limits: { tokens, pairs: 1e7 } });
    return { packs: batch.packs.length, loss: lossOf(batch), denominator: batch.updates[0]!.denominator };
  });
  assert.ok(losses[0]!.packs < losses[2]!.packs);
  assert.equal(new Set(losses.map(({ denominator }) => denominator)).size, 1);
  for (const { loss } of losses) assert.ok(differ(loss, losses[0]!.loss) < 1e-12);
});

test('packs keep their bounds, and one piece larger than they are goes alone', () => {
  for (let seed = 0; seed < 20; seed++) {
    for (const { rows, length } of makeBatch(random(seed), { ...OPTIONS, limits: { tokens: 60, pairs: 2_000 } }).packs) {
      assert.ok(rows === 1 || (rows * length <= 60 && rows * length * length <= 2_000));
    }
  }
});

test('Dr. GRPO over a constant length: the sum of the tokens of a rollout over that length, mean over rollouts', () => {
  const records = random(4);
  const batch = makeBatch(records, { ...OPTIONS, estimator: 'dr_grpo', aggregation: 'rollout-constant', constantLength: 25 });
  const byToken = expected(records, { estimator: 'dr_grpo', aggregation: 'token-mean' });
  const scale = batch.counts.trainedTokens / 25 / batch.updates[0]!.denominator;
  assert.ok(differ(lossOf(batch), { policy: byToken.policy * scale, entropy: byToken.entropy * scale }) < 1e-9);
});

test('a group without spread is dropped and counted; when all are, there is no update and nothing is NaN', () => {
  const records = random(3).map((record) => (record.taskIndex === 1 ? record : { ...record, reward: 0.5 }));
  const { counts, updates } = makeBatch(records, OPTIONS);
  assert.deepEqual([counts.groups, counts.groupsWithSpread, counts.groupsWithoutSpread], [4, 1, 3]);
  assert.equal(updates[0]!.denominator, 4, 'the mean is over rollouts that teach');
  assert.equal(counts.trainedTokens + counts.untrained['no-spread']!, counts.sampledTokens);
  const flat = makeBatch(records.map((record) => ({ ...record, reward: 1 })), OPTIONS);
  assert.deepEqual([flat.updates, flat.packs, flat.counts.trainedTokens, flat.counts.saved], [[], [], 0, null]);
});

test('failures of others leave the group, the agent’s own count 0 and are trained', () => {
  const calls = (): RolloutRecord['calls'] => [callOf(0, { from: null, tail: [1, 2], sampled: [10, 11] })];
  const failed = (sample: number, code: 'rollout-timeout' | 'policy'): RolloutRecord =>
    recordOf({ taskIndex: 0, sample, calls: calls(), reward: null, status: 'failed', error: { code, message: 'failed' } });
  const good = [0, 1].map((sample) => recordOf({ taskIndex: 0, sample, calls: calls(), reward: 1 }));

  const own = makeBatch([...good, failed(2, 'rollout-timeout')], OPTIONS);
  assert.deepEqual([own.counts.failed, own.counts.lost, own.counts.groupsWithSpread, own.counts.trainedTokens, own.counts.rewardMin], [1, 0, 1, 6, 0]);
  assert.equal(own.counts.success, 2 / 3);
  const others = makeBatch([...good, failed(2, 'policy')], OPTIONS);
  assert.deepEqual([others.counts.failed, others.counts.lost, others.counts.groupsWithoutSpread], [0, 1, 1]);
  assert.deepEqual(others.counts.untrained, { 'rollout-failed': 2, 'no-spread': 4 });
  const alone = makeBatch([good[0]!, failed(1, 'policy')], OPTIONS);
  assert.equal(alone.counts.groupsOfOne, 1);
  assert.deepEqual(alone.updates, []);
});

test('what was cut off is out of the loss and stays in the baseline', () => {
  const made = (sample: number, reward: number, finish: 'stop' | 'length'): RolloutRecord =>
    recordOf({ taskIndex: 0, sample, reward, calls: [callOf(0, { from: null, tail: [1, 2], sampled: [10 + sample], finish })] });
  const { packs, counts, updates } = makeBatch([made(0, 1, 'stop'), made(1, 0, 'length'), made(2, 0.5, 'stop')], { ...OPTIONS, estimator: 'dr_grpo' });
  assert.deepEqual(counts.untrained, { 'over-long': 1 });
  assert.equal(updates[0]!.denominator, 2);
  const sums = packs.flatMap(({ targets }) => [...targets.up].map((up, i) => up + targets.down[i]!));
  assert.deepEqual(sums.sort(), [0, 0.5], 'advantages 1 - 0.5 and 0.5 - 0.5: the mean of all three');

  const long = recordOf({ taskIndex: 0, sample: 3, reward: null, status: 'failed', error: { code: 'context-length', message: 'too long' }, calls: [callOf(0, { from: null, tail: [1, 2], sampled: [14, 15] })] });
  assert.equal(makeBatch([made(0, 1, 'stop'), long], OPTIONS).counts.untrained['over-long'], 2);
  const two = [made(0, 1, 'stop'), made(1, 0, 'stop')];
  assert.equal(makeBatch(two, { ...OPTIONS, maxPrompt: 1 }).counts.untrained['over-long'], 2);
  assert.equal(makeBatch(two, { ...OPTIONS, maxResponse: 1 }).counts.trainedTokens, 2);
  assert.equal(makeBatch(two, { ...OPTIONS, maxTokens: 2 }).counts.untrained['over-long'], 2, 'what the trainer can’t hold');
});

test('only calls to trained roles teach, and none that was sampled with other weights', () => {
  const made = (sample: number, reward: number): RolloutRecord => recordOf({
    taskIndex: 0, sample, reward, calls: [
      callOf(0, { from: null, tail: [1, 2], sampled: [10, 11] }),
      callOf(1, { from: null, tail: [1, 3], sampled: [12], target: false, role: 'other' }),
      callOf(2, { from: 0, tail: [4], sampled: [13], version: 7 }),
    ],
  });
  const { counts } = makeBatch([made(0, 1), made(1, 0)], OPTIONS);
  assert.equal(counts.trainedTokens, 4);
  assert.deepEqual(counts.untrained, { stale: 2 });
  assert.equal(counts.sampledTokens, 6, 'those of the other role are not ours');
  assert.equal(counts.callsPerRollout, 2);
});

test('an answer that two branches share is trained once, and weighs once', () => {
  const made = (sample: number, reward: number): RolloutRecord => recordOf({
    taskIndex: 0, sample, reward, calls: [
      callOf(0, { from: null, tail: [1, 2], sampled: [10, 11] }), callOf(1, { from: 0, tail: [4], sampled: [12] }), callOf(2, { from: 0, tail: [5], sampled: [13] }),
    ],
  });
  const batch = makeBatch([made(0, 1), made(1, 0)], OPTIONS);
  assert.equal(batch.counts.trainedTokens, 8);
  const weight = batch.packs.reduce((sum, { targets }) => sum + targets.weight.reduce((a, b) => a + b, 0), 0);
  assert.ok(Math.abs(weight - 2) < 1e-12, 'each rollout weighs 1, however often it forks');
});

test('planted bugs are seen: mask, shift, normalisation, grouping', () => {
  const records = random(5);
  const want = expected(records, OPTIONS);
  const found = (change: (batch: TrainingBatch) => void): number => {
    const batch = makeBatch(records, OPTIONS);
    change(batch);
    return differ(lossOf(batch), want);
  };
  assert.ok(found(() => {}) < 1e-9);
  assert.ok(found(({ packs }) => void (packs[0]!.targets.weight[0] = packs[0]!.targets.up[0] = packs[0]!.targets.down[0] = 0)) > 1e-6, 'a sampled token masked out');
  assert.ok(found(({ packs: [pack] }) => pack!.targets.node.forEach((node, i, all) => void (all[i] = pack!.nodes.parent[node]! + Math.floor(node / pack!.length) * pack!.length))) > 1e-4, 'targets one to the left');
  assert.ok(found(({ updates }) => void (updates[0]!.denominator = updates[0]!.packs.length)) > 1e-4, 'a denominator of the micro-batch');
  assert.ok(differ(plainLoss(grouped(records, ({ rollout }) => rollout), UNIT['rollout-mean']), want) > 1e-4, 'each rollout its own group');
  assert.ok(differ(plainLoss(grouped(records, () => 'all'), UNIT['rollout-mean']), want) > 1e-4, 'all tasks one group');
  assert.ok(differ(plainLoss(byCalls(records), UNIT['rollout-mean']), want) > 1e-4, 'statistics over calls, so that long rollouts count more');
  assert.ok(differ(expected(records, { estimator: 'grpo', aggregation: 'token-mean' }), want) > 1e-4, 'tokens where rollouts are asked for');
});

function grouped(records: readonly RolloutRecord[], groupOf: (record: RolloutRecord) => string): PlainToken[] {
  const advantages = advantagesOf(records.map((record) => ({ rollout: record.rollout, group: groupOf(record), reward: record.reward!, tokens: 1 })), 'grpo');
  return tokensOf(records, ({ rollout }) => advantages.of(rollout) ?? 0);
}

function byCalls(records: readonly RolloutRecord[]): PlainToken[] {
  const rows = records.flatMap((record) => record.calls.map((call) => ({ rollout: `${record.rollout}/${call.index}`, group: String(record.taskIndex), reward: record.reward!, tokens: 1 })));
  const advantages = advantagesOf(rows, 'grpo');
  return tokensOf(records, ({ rollout }, call) => advantages.of(`${rollout}/${call.index}`));
}
