import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advantagesOf, type Estimator, type Rewarded } from '../../../runtime/training/advantage.ts';
import { dice, shuffled } from '../tracker/forest.ts';

const GRPO_FOUR = [1.3174620127734615, -1.0246926766015811, 0.14638466808594017, -0.4391540042578205];
const GRPO_THREE = [0.5773492691913578, 0.5773492691913578, -1.1546985383827153];
const WHITENED = [1.2649110008218032, -1.8973665012327046, -0.3162277502054507];

function members(rewards: readonly number[], { group = 'a', tokens = rewards.map(() => 1) }: { group?: string; tokens?: readonly number[] } = {}): Rewarded[] {
  return rewards.map((reward, i) => ({ rollout: `${group}${i}`, group, reward, tokens: tokens[i]! }));
}

function values(rollouts: readonly Rewarded[], estimator: Estimator): (number | undefined)[] {
  const { of } = advantagesOf(rollouts, estimator);
  return rollouts.map(({ rollout }) => of(rollout));
}

function near(actual: readonly (number | undefined)[], expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) assert.ok(Math.abs(value! - expected[i]!) <= tolerance, `${value} is not ${expected[i]}`);
}

test('GRPO is (r - mean) / (std + 1e-6) with the unbiased deviation: as PyTorch computes it', () => {
  // r = torch.tensor([1, 0, .5, .25], dtype=float64); (r - r.mean()) / (r.std() + 1e-6)
  near(values(members([1, 0, 0.5, 0.25]), 'grpo'), GRPO_FOUR);
  near(values(members([1, 1, 0]), 'grpo'), GRPO_THREE);
});

test('planted bug: the biased deviation would be seen', () => {
  const rewards = [1, 0, 0.5, 0.25];
  const mean = 0.4375;
  const biased = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length);
  assert.throws(() => near(rewards.map((reward) => (reward - mean) / (biased + 1e-6)), GRPO_FOUR, 1e-3));
});

test('Dr. GRPO has no deviation; RLOO compares with the mean of the others', () => {
  near(values(members([1, 0, 0.5, 0.25]), 'dr_grpo'), [0.5625, -0.4375, 0.0625, -0.1875]);
  const d = dice(3);
  for (let round = 0; round < 50; round++) {
    const rewards = Array.from({ length: 2 + d.roll(7) }, () => d.roll(5) / 4 + d.number());
    const others = rewards.map((reward, i) => reward - rewards.filter((_, j) => j !== i).reduce((sum, other) => sum + other, 0) / (rewards.length - 1));
    near(values(members(rewards), 'rloo'), others);
  }
});

test('REINFORCE++ is whitened over all tokens of the step, as over the tokens one by one', () => {
  // torch: t = repeat([1, 0, .5], [3, 1, 6]); (t - t.mean()) * rsqrt(t.var() + 1e-8)
  near(values(members([1, 0, 0.5], { tokens: [3, 1, 6] }), 'reinforce_plus_plus'), WHITENED);
  const d = dice(5);
  for (let round = 0; round < 50; round++) {
    const rollouts = ['a', 'b', 'c'].flatMap((group) => members(Array.from({ length: 1 + d.roll(4) }, () => d.number()), { group, tokens: Array.from({ length: 5 }, () => 1 + d.roll(9)) }));
    const tokens = rollouts.flatMap(({ reward, tokens }) => Array<number>(tokens).fill(reward));
    const mean = tokens.reduce((sum, one) => sum + one, 0) / tokens.length;
    const variance = tokens.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (tokens.length - 1);
    if (tokens.length < 2 || variance === 0) continue;
    near(values(rollouts, 'reinforce_plus_plus'), rollouts.map(({ reward }) => (reward - mean) / Math.sqrt(variance + 1e-8)), 1e-9);
  }
});

test('a group of one has no advantage and is told apart; so is a group without spread', () => {
  for (const estimator of ['grpo', 'dr_grpo', 'rloo'] as const) {
    const rollouts = [...members([1], { group: 'one' }), ...members([0.3, 0.3, 0.1 + 0.2], { group: 'flat' }), ...members([0, 1], { group: 'wide' })];
    const found = advantagesOf(rollouts, estimator);
    assert.deepEqual([found.groups, found.withSpread, found.withoutSpread, found.ofOne], [3, 1, 1, 1]);
    assert.equal(found.of('one0'), undefined);
    assert.equal(found.of('flat2'), undefined, 'the last digits of a sum are no spread');
    assert.ok(found.of('wide1')! > 0 && found.of('wide0')! < 0);
  }
  assert.deepEqual(values(members([1, 1, 1]), 'reinforce_plus_plus'), [undefined, undefined, undefined], 'nothing to learn, not NaN');
  const flatGroups = [...members([1, 1], { group: 'good' }), ...members([0, 0], { group: 'bad' })];
  assert.ok(values(flatGroups, 'reinforce_plus_plus').every((value) => value !== undefined), 'its baseline is the step’s, so groups need no spread');
});

test('groups are task instances, rollouts are members: neither the text of a task nor the number of its calls matters', () => {
  const [a, b] = [members([1, 0], { group: 's1t0' }), members([1, 1, 0, 0], { group: 's1t1', tokens: [100, 1, 1, 1] })];
  near(values([...a, ...b], 'grpo').slice(0, 2), values(a, 'grpo') as number[]);
  near(values(b, 'grpo'), values(members([1, 1, 0, 0]), 'grpo') as number[]);
});

test('the order in which rollouts come in changes no bit', () => {
  const d = dice(11);
  const rollouts = ['a', 'b'].flatMap((group) => members(Array.from({ length: 9 }, () => d.number() * 1e3), { group }));
  for (const estimator of ['grpo', 'rloo', 'dr_grpo', 'reinforce_plus_plus'] as const) {
    const { of } = advantagesOf(rollouts, estimator);
    for (let round = 0; round < 5; round++) {
      const again = advantagesOf(shuffled(rollouts, d), estimator);
      for (const { rollout } of rollouts) assert.equal(again.of(rollout), of(rollout));
    }
  }
});

test('a reward that is no finite number is refused with the rollout’s name', () => {
  for (const reward of [NaN, Infinity]) assert.throws(() => advantagesOf(members([0, reward]), 'grpo'), /rollout a1 is (NaN|Infinity)/);
});
