import assert from 'node:assert/strict';
import { test } from 'node:test';
import { histogram, level, mean, meanMargin, shareInterval, studentQuantile } from '../../../runtime/cli/statistics.ts';

function near(actual: number, expected: number, relative: number): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * relative, `${actual} is not ${expected}`);
}

test('mean', () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.ok(Number.isNaN(mean([])));
});

test('quantiles of Student agree with the printed tables', () => {
  const table: [degrees: number, value: number][] = [[1, 12.706], [2, 4.3027], [3, 3.1824], [4, 2.7764], [5, 2.5706], [7, 2.3646], [10, 2.2281], [20, 2.086], [30, 2.0423], [100, 1.984], [1e6, 1.96]];
  for (const [degrees, value] of table) near(studentQuantile(degrees), value, degrees < 5 ? 0.01 : 0.002);
});

test('the interval of a mean', () => {
  // 1..10: mean 5.5, standard deviation 3.02765, standard error 0.957427, t(9) 2.262157.
  near(meanMargin(10, 55, 385), 2.16585, 0.001);
  assert.equal(meanMargin(4, 4, 4), 0);
  assert.ok(Number.isNaN(meanMargin(1, 1, 1)));
});

test('the interval of a mean holds the mean about 95 times in 100, also with few values', () => {
  let held = 0;
  let state = 12345;
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  for (let round = 0; round < 4_000; round++) {
    const values = Array.from({ length: 5 }, () => 3 + normal());
    const margin = meanMargin(5, values.reduce((a, b) => a + b), values.reduce((a, b) => a + b * b, 0));
    if (Math.abs(mean(values) - 3) <= margin) held++;
  }
  assert.ok(held > 3_720 && held < 3_880, `${held / 40} %`);
});

test('the interval of a share is Wilson’s', () => {
  // Newcombe 1998, table I.
  const table: [hits: number, count: number, low: number, high: number][] = [[81, 263, 0.2553, 0.3662], [15, 148, 0.0624, 0.1605], [0, 20, 0, 0.1611], [1, 29, 0.0061, 0.1718], [29, 29, 0.8830, 1]];
  for (const [hits, count, low, high] of table) {
    const interval = shareInterval(hits, count);
    assert.ok(Math.abs(interval[0] - low) < 1e-4 && Math.abs(interval[1] - high) < 1e-4, `${hits}/${count}: ${interval}`);
  }
  assert.ok(shareInterval(0, 0).every(Number.isNaN));
});

test('bars and histograms', () => {
  assert.equal([0, 0.5, 1, -1, 2].map((value) => level(value, 0, 1)).join(''), '▁▅█▁█');
  assert.equal(level(3, 3, 3), '█');
  assert.equal(histogram([], 4), '');
  assert.equal(histogram([2, 2], 4), '█');
  assert.equal(histogram([0, 0, 0, 0, 1, 1, 3], 4), '█▄·▂');
  assert.equal(histogram(Array.from({ length: 200_000 }, (_, index) => index % 2), 2), '██', 'more values than a call takes arguments');
});
