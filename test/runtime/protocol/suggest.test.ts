import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearest } from '../../../runtime/protocol/suggest.ts';

const KEYS = ['num_repeat', 'temperature', 'top_p', 'top_k', 'jsonl_dataset_file', 'seed'];

test('a slip of the fingers finds the key', () => {
  assert.equal(nearest('num_repat', KEYS), 'num_repeat');
  assert.equal(nearest('tempertaure', KEYS), 'temperature');
  assert.equal(nearest('sead', KEYS), 'seed');
});

test('another way to write the same name finds it', () => {
  assert.equal(nearest('numRepeat', KEYS), 'num_repeat');
  assert.equal(nearest('Top-P', KEYS), 'top_p');
});

test('a part of a name finds it', () => {
  assert.equal(nearest('dataset_file', KEYS), 'jsonl_dataset_file');
});

test('what is far from everything finds nothing', () => {
  assert.equal(nearest('learning', KEYS), undefined);
  assert.equal(nearest('', KEYS), undefined);
  assert.equal(nearest('x', []), undefined);
  assert.equal(didYouMean('qqqqqq', KEYS), undefined);
});

test('a swap of two neighbours counts once, so it wins over two changes', () => {
  assert.equal(nearest('abcd', ['abxy', 'abdc']), 'abdc');
});

test('very long words are cut, not compared for minutes', () => {
  const started = performance.now();
  nearest('a'.repeat(1e6), Array.from({ length: 100 }, (_, i) => 'b'.repeat(1e4 + i)));
  assert.ok(performance.now() - started < 2000);
});
