import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, count, decimal, duration, percent } from '../../../runtime/cli/format.ts';

test('durations never say 60 seconds', () => {
  const cases: [number, string][] = [
    [0, '0 ms'], [999.4, '999 ms'], [999.6, '1.0 s'], [1_234, '1.2 s'], [9_949, '9.9 s'], [9_960, '10 s'], [59_499, '59 s'], [59_700, '1 min 0 s'],
    [119_700, '2 min 0 s'], [3_599_800, '1 h 0 min'], [3_600_000, '1 h 0 min'], [90_000_000, '25 h 0 min'], [NaN, '–'], [Infinity, '–'],
  ];
  for (const [milliseconds, text] of cases) assert.equal(duration(milliseconds), text);
  assert.deepEqual([0, 999, 1_000, 9_999, 10_000, 61_999].map(clock), ['0 s', '0 s', '1 s', '9 s', '10 s', '1 min 1 s']);
});

test('numbers', () => {
  assert.equal(count(1234567.8), '1,234,568');
  assert.deepEqual([0.005, -0.001, -0.0, -1.5, NaN].map((value) => decimal(value)), ['0.01', '0.00', '0.00', '-1.50', '–']);
  assert.equal(decimal(-0.00001, 4), '0.0000');
  assert.deepEqual([0, 0.456, 1, NaN].map(percent), ['0 %', '46 %', '100 %', '–']);
});
