import assert from 'node:assert/strict';
import { test } from 'node:test';
import { philox4x32, sampleKey, TokenRandom, type SampleKeyParts } from '../../../runtime/policy/random.ts';

test('Philox gives its authors\' known answers', () => {
  const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
  const ones = 0xffffffff;
  assert.equal(hex(philox4x32([0, 0, 0, 0], [0, 0])), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  assert.equal(hex(philox4x32([ones, ones, ones, ones], [ones, ones])), '408f276d 41c83b0e a20bc7c6 6d5451fd');
  assert.equal(hex(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])), 'd16cfe09 94fdcceb 5001e420 24126ea1');
});

test('uniform numbers depend on key and token alone, and fill [0, 1)', () => {
  const random = new TokenRandom(0x0123456789abcdefn);
  const forward = Array.from({ length: 4096 }, (_, token) => random.uniform(token));
  assert.equal(new TokenRandom(0x0123456789abcdefn).uniform(4000), forward[4000]);
  assert.notEqual(new TokenRandom(0x1123456789abcdefn).uniform(4000), forward[4000]);
  assert.ok(forward.every((value) => value >= 0 && value < 1));
  const mean = forward.reduce((sum, value) => sum + value) / forward.length;
  assert.ok(Math.abs(mean - 0.5) < 0.02, `mean ${mean}`);
});

test('each part of a call changes its key', () => {
  const call: SampleKeyParts = { seed: 1, step: 2, task: 'a', sample: 3, role: 'solver', prompt: [1, 2, 3], occurrence: 0 };
  const others: SampleKeyParts[] = [
    { ...call, seed: 2 }, { ...call, step: 3 }, { ...call, task: 'b' }, { ...call, sample: 4 }, { ...call, role: 'critic' },
    { ...call, prompt: [1, 2, 4] }, { ...call, prompt: 'text' }, { ...call, occurrence: 1 }, { ...call, task: 'a,3', sample: 0 },
  ];
  const keys = new Set([call, ...others].map(sampleKey));
  assert.equal(keys.size, others.length + 1);
  assert.equal(sampleKey({ ...call, prompt: [1, 2, 3] }), sampleKey(call));
});
