import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clampRange } from '../../webview/dashboard/board.ts';
import { extent, extremes, means, nearestPlace, scaleTicks, smoothed, ticks, wholeTicks } from '../../webview/dashboard/plot.ts';
import { dice } from '../runtime/trace/samples.ts';

const steps = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i + 1);
const known = ({ x, y, count }: ReturnType<typeof extremes>): [number, number][] => Array.from({ length: count }, (_, i): [number, number] => [x[i]!, y[i]!]).filter(([, value]) => !Number.isNaN(value));

test('a column of pixels keeps its least and its greatest value: no peak is lost, and no more than two points a column are drawn', () => {
  const random = dice(3);
  const values = Float32Array.from({ length: 10_000 }, random);
  values[5_000] = 50;
  values[7_777] = -50;
  const range = { from: 1, to: 10_000 };
  const path = extremes(steps(10_000), values, range, 300);
  assert.ok(path.count <= 602, `${path.count} points`);
  const drawn = known(path);
  const column = (step: number): number => Math.floor((step - 1) * 300 / 9_999);
  for (let pixel = 0; pixel < 300; pixel += 37) {
    const own = [...values].filter((_, i) => column(i + 1) === pixel);
    const seen = drawn.filter(([x]) => Math.floor(x) === pixel).map(([, y]) => y).sort((a, b) => a - b);
    assert.deepEqual([seen[0], seen.at(-1)], [Math.min(...own), Math.max(...own)], `column ${pixel}`);
  }
  assert.equal(Math.max(...drawn.map(([, y]) => y)), 50);
  assert.equal(Math.min(...drawn.map(([, y]) => y)), -50);
});

test('few points are drawn as they are, with the neighbours outside of the range', () => {
  const path = extremes(steps(10), Float32Array.from({ length: 10 }, (_, i) => i * i), { from: 3, to: 5.5 }, 100);
  assert.deepEqual(known(path).map(([, y]) => y), [1, 4, 9, 16, 25]);
  assert.deepEqual(known(path).map(([x]) => x), [-40, 0, 40, 80, 120]);
});

test('what is missing lifts the pen, and does not pull a mean', () => {
  const values = Float32Array.of(1, NaN, 3, NaN, NaN, NaN);
  const path = means(steps(6), values, { from: 1, to: 6 }, 2);
  assert.deepEqual(known(path).map(([, y]) => y), [2]);
  assert.equal(path.count > known(path).length, true);
});

test('smoothing begins at the first value, keeps a constant, goes on over gaps, and 0 changes nothing', () => {
  const flat = Float32Array.of(2, 2, NaN, 2);
  for (const value of smoothed(flat, 0.9)) assert.ok(Math.abs(value - 2) < 1e-5, String(value));
  assert.equal(smoothed(Float32Array.of(NaN, 1), 0.5)[0], NaN);
  assert.equal(smoothed(flat, 0), flat);
  const [, second] = smoothed(Float32Array.of(0, 1), 0.5);
  assert.ok(Math.abs(second! - 2 / 3) < 1e-6);
});

test('one spike among a thousand hides no curve', () => {
  const values = Float32Array.from({ length: 1_000 }, (_, i) => (i === 500 ? 1e6 : (i % 10) / 10));
  const [low, high] = extent(steps(1_000), values, { from: 1, to: 1_000 })!;
  assert.equal(low, 0);
  assert.ok(high < 1, String(high));
  assert.equal(extent(steps(3), Float32Array.of(NaN, NaN, NaN), { from: 1, to: 3 }), undefined);
});

test('scales have round numbers', () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(ticks(-0.1, 0.35, 3), [0, 0.2]);
  assert.deepEqual([scaleTicks(0, 1, 4), scaleTicks(-0.017, 0.017, 3), scaleTicks(1, 1, 3)], [[0, 0.25, 0.5, 0.75, 1], [-0.01, 0, 0.01], []]);
  assert.deepEqual(wholeTicks(1, 4, 6), [1, 2, 3, 4]);
  assert.deepEqual(ticks(1, 1, 3), []);
});

test('a range stays within what there is', () => {
  const whole = { from: 1, to: 100 };
  assert.deepEqual(clampRange({ from: -20, to: 10 }, whole), { from: 1, to: 31 });
  assert.deepEqual(clampRange({ from: 95, to: 120 }, whole), { from: 75, to: 100 });
  assert.equal(clampRange({ from: 0, to: 200 }, whole), null);
  assert.equal(nearestPlace(Int32Array.of(1, 5, 9), 6), 1);
  assert.equal(nearestPlace(Int32Array.of(), 6), -1);
});
