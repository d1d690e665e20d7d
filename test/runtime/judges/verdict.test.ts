import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkReward, checkVerdict } from '../../../runtime/judges/verdict.ts';

test('the three ways to give a verdict', () => {
  assert.deepEqual(checkVerdict(0.5, 'J'), { reward: 0.5, success: null });
  assert.deepEqual(checkVerdict([1, true], 'J'), { reward: 1, success: true });
  assert.deepEqual(checkVerdict({ reward: -1, success: false, parts: { a: 1 }, reason: 'r', other: 1 }, 'J'), { reward: -1, success: false, parts: { a: 1 }, reason: 'r' });
});

test('no finite number, no reward', () => {
  const where = { file: 'judge.ts', line: 3 };
  for (const [given, words] of [
    [NaN, 'NaN'], [Infinity, 'Infinity'], ['0.5', '"0.5" (text)'], [true, 'true'], [undefined, 'undefined'], [null, 'null'],
    [{}, 'undefined'], [{ reward: 10n }, '10'], [{ reward: { a: 1 } }, 'of an object'], [{ reward: Promise.resolve(1) }, 'of a promise'],
  ] as const) {
    assert.throws(() => checkVerdict(given, 'The judge J', where), { code: 'reward', message: `The judge J gave the reward ${words}; a finite number is wanted.`, where });
  }
  assert.throws(() => checkVerdict([1, 2, 3], 'J'), /list of rewards/);
  assert.throws(() => checkVerdict([0, 1], 'J'), /list of rewards/);
  assert.throws(() => checkVerdict({ reward: 1, success: 'yes' }, 'J'), /gave the success "yes"/);
  assert.throws(() => checkVerdict({ reward: 1, parts: { a: NaN } }, 'J'), /parts as a = NaN/);
  assert.throws(() => checkVerdict({ reward: 1, parts: 3 }, 'J'), /parts as 3/);
});

test('checkReward gives the next step', () => {
  assert.throws(() => checkReward('1', 'W'), { next: 'Turn it into a number first.' });
  assert.throws(() => checkReward(true, 'W'), { next: 'Write 1.' });
  assert.throws(() => checkReward(Promise.resolve(1), 'W'), { next: 'Write await before it.' });
  assert.equal(checkReward(-0.5, 'W'), -0.5);
});
