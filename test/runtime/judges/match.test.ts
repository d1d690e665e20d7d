import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactMatch, numberMatch } from '../../../runtime/judges/match.ts';
import { answered, output, task } from './help.ts';

test('exact_match: to the letter, spaces around aside', () => {
  const reward = (answer: string, label: unknown) => exactMatch().judge(task({}, label), answered(answer)).reward;
  assert.equal(reward(' yes\n', 'yes'), 1);
  assert.equal(reward('Yes', 'yes'), 0);
  assert.equal(reward('e\u0301', '\u00e9'), 1, 'two ways to write é');
  assert.equal(reward('5', 5), 1);
  assert.equal(reward('[1,2]', [1, 2]), 1);
  assert.equal(exactMatch().judge(task({ answer: 'a' }), answered('a')).success, true);
  assert.throws(() => exactMatch({ workflow: 'W' }).judge(task({}, 'x'), output({})), { code: 'reward', message: /^W returned neither/ });
});

test('number_match: in the box, behind ####, or the last one', () => {
  const reward = (answer: string, label: unknown, tolerance?: number) => numberMatch({ tolerance }).judge(task({}, label), answered(answer)).reward;
  assert.equal(reward('first 3, then 1,234.5.', '#### 1234.5'), 1);
  assert.equal(reward('\\boxed{7} of 9', 7), 1);
  assert.equal(reward('\\boxed{\\frac{1}{2}}', 0.5), 1);
  assert.equal(reward('9 #### 7', 7), 1);
  assert.equal(reward('x-5', 5), 1);
  assert.equal(reward('−5', -5), 1);
  assert.equal(reward('2.7', 2.72), 0);
  assert.equal(reward('2.7', 2.72, 0.01), 1);
  assert.equal(reward('1000001', 1000000, 1e-6), 1);
  assert.equal(reward('none', 5), 0);
  assert.equal(reward('1e999', 5), 0);
});

test('number_match: a right answer without a number is the data’s fault', () => {
  assert.throws(() => numberMatch().judge(task({}, 'blue'), answered('5')), { code: 'data', message: /holds no number: blue/ });
});
