import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '../../../runtime/view/wire.ts';

test('what is encoded comes back: typed arrays of all kinds and lengths, texts, nothing, missing numbers', () => {
  const value = {
    text: '界 "quoted"', nothing: null, list: [1, { deep: Uint8Array.of(1, 2, 3) }],
    float: Float64Array.of(NaN, -0, Infinity, 1 / 3), small: Float32Array.of(0.5), whole: Int32Array.of(-1), large: Uint32Array.of(2 ** 32 - 1), empty: new Int32Array(0),
  };
  assert.deepEqual(decode(encode(value)), value);
  assert.equal(decode(encode(null)), null);
  assert.equal(decode(encode(undefined)), null);
});

test('a part of a larger buffer, at any place, is encoded as that part, and decoded wherever it lies', () => {
  const bytes = encode({ part: new Float64Array([1, 2, 3, 4]).subarray(1, 3) });
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.deepEqual(decode(shifted.subarray(3)), { part: Float64Array.of(2, 3) });
});

test('columns of few runs travel as those, and come back whole', () => {
  const steps = Float64Array.from({ length: 1_000 }, (_, i) => Math.floor(i / 100));
  const value = { missing: new Float32Array(1_000).fill(NaN), none: new Uint8Array(1_000), steps, zeros: new Float64Array(100).with(99, -0), one: Int32Array.of(7), last: new Uint32Array(64).with(63, 1), first: new Uint32Array(64).with(0, 1) };
  const bytes = encode(value);
  assert.ok(bytes.length < 1_000, String(bytes.length));
  assert.deepEqual(decode(bytes), value);
  const mixed = { random: Float32Array.from({ length: 1_000 }, (_, i) => Math.sin(i)), late: Float32Array.from({ length: 1_000 }, (_, i) => (i < 900 ? NaN : i)) };
  assert.deepEqual(decode(encode(mixed)), mixed);
});
