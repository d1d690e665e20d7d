import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seeded, splitOf } from '../../examples/seeded.ts';

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) => Array.from({ length: 8 }, ((random) => () => random.next())(new Seeded(seed)));
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test('between reaches both ends and nothing beyond', () => {
  const random = new Seeded(1);
  assert.deepEqual([...new Set(Array.from({ length: 500 }, () => random.between(2, 5)))].sort(), [2, 3, 4, 5]);
});

test('a weight of nothing is never picked', () => {
  const random = new Seeded(2);
  assert.deepEqual(new Set(Array.from({ length: 300 }, () => random.pick(['a', 'b', 'c'], [1, 0, 2]))), new Set(['a', 'c']));
});

test('keys spread over the splits as stated', () => {
  const counts = { lessons: 0, training: 0, validation: 0 };
  for (let key = 0; key < 10_000; key++) counts[splitOf(`problem ${key}`)]++;
  assert.ok(Math.abs(counts.lessons - 5000) < 200, JSON.stringify(counts));
  assert.ok(Math.abs(counts.validation - 1800) < 200, JSON.stringify(counts));
});
