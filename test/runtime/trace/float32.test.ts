import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortestDouble } from '../../../runtime/trace/float32.ts';
import { dice } from './samples.ts';

function reference(float: number): number {
  for (let digits = 1; digits < 9; digits++) {
    if (Math.fround(Number(float.toPrecision(digits))) === float) return Number(float.toPrecision(digits));
  }
  return Number(float.toPrecision(9));
}

test('the shortest decimal gives the same float32 back, over all bit patterns', () => {
  const random = dice(1);
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  for (let i = 0; i < 200_000; i++) {
    bits[0] = random() * 2 ** 32;
    const value = float[0]!;
    if (!Number.isFinite(value) || value === 0) continue;
    const short = shortestDouble(value);
    assert.equal(Math.fround(short), value);
    assert.equal(String(short), String(reference(value)));
  }
});

test('log-probabilities, round decimals and powers of two are shortest', () => {
  const random = dice(2);
  const values = Array.from({ length: 100_000 }, () => Math.log(1 - random()) * random() ** 4);
  for (let power = -140; power < 128; power++) values.push(2 ** power, -(2 ** power));
  values.push(-0.5, -1, -0.1, -1e-9, 999_999.9, 1e6, 16_777_216, 123_456, 0.3, 1e-45);
  for (const value of values.map(Math.fround)) {
    if (value === 0) continue;
    assert.equal(String(shortestDouble(value)), String(reference(value)));
  }
  assert.equal(String(shortestDouble(Math.fround(-0.1))), '-0.1');
  assert.equal(shortestDouble(0), 0);
});
