import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusteredEstimate, gainEstimate, passAt, shareEstimate } from '../../../runtime/training/statistics.ts';
import { dice } from '../tracker/forest.ts';

test('pass@k is the share of all draws of k in which one is right', () => {
  for (let count = 1; count <= 7; count++) {
    for (let right = 0; right <= count; right++) {
      for (let k = 1; k <= count; k++) {
        let draws = 0;
        let hits = 0;
        for (let bits = 0; bits < 2 ** count; bits++) {
          const drawn = [...Array(count).keys()].filter((i) => bits & (1 << i));
          if (drawn.length !== k) continue;
          draws++;
          if (drawn.some((i) => i < right)) hits++;
        }
        assert.ok(Math.abs(passAt(k, count, right) - hits / draws) < 1e-12, `${right} of ${count}, k = ${k}`);
      }
    }
  }
});

test('Wilson’s interval has the values of the textbook, and stays within 0 and 1', () => {
  const { low, high } = shareEstimate(8, 10);
  assert.ok(Math.abs(low - 0.49016) < 1e-4 && Math.abs(high - 0.94332) < 1e-4);
  assert.deepEqual([shareEstimate(0, 20).low, shareEstimate(20, 20).high], [0, 1]);
  assert.ok(shareEstimate(0, 20).high > 0.1);
});

test('about 95 % of the intervals hold the truth, also where rollouts of a task are alike', () => {
  const d = dice(9);
  let held = 0;
  const rounds = 300;
  for (let round = 0; round < rounds; round++) {
    const clusters = Array.from({ length: 60 }, () => {
      const chance = d.number();
      return Array.from({ length: 4 }, () => (d.chance(chance) ? 1 : 0));
    });
    const { low, high } = clusteredEstimate(clusters, `round ${round}`)!;
    if (low <= 0.5 && 0.5 <= high) held++;
  }
  assert.ok(held / rounds > 0.9 && held / rounds < 0.99, `${held} of ${rounds}`);
});

test('an interval depends on the values and the key alone', () => {
  const clusters = [[1, 0], [0.5], [], [1, 1, 0]];
  assert.deepEqual(clusteredEstimate(clusters, 'a'), clusteredEstimate(clusters, 'a'));
  assert.equal(clusteredEstimate(clusters, 'a')!.mean, 3.5 / 6);
  assert.equal(clusteredEstimate([[], []], 'a'), null);
});

test('a gain compares each task with itself: differences between tasks don’t widen it', () => {
  const d = dice(4);
  const pairs = Array.from({ length: 80 }, () => {
    const before = d.number() * 10;
    return { before, after: before + 0.1 + 0.02 * d.number() };
  });
  const { mean, low, high } = gainEstimate(pairs, 'gain')!;
  assert.ok(low > 0.1 && high < 0.12 && mean > low && mean < high);
});
