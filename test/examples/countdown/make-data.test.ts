import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expressions } from '../../../examples/countdown/expressions.ts';
import { puzzles, rows } from '../../../examples/countdown/make-data.ts';
import { calculate } from '../../../examples/math-agent/calculator.ts';
import { committedRows } from '../data.ts';

test('the committed data is what the generator writes', () => {
  assert.deepEqual(committedRows('countdown', 'training'), JSON.parse(JSON.stringify(rows('training', 3000, 1))));
  assert.deepEqual(committedRows('countdown', 'validation'), JSON.parse(JSON.stringify(rows('validation', 700, 2))));
});

test('every expression uses each number once and has the value it states', () => {
  for (const numbers of [[12, 7, 1], [6, 6, 2], [5, 3, 2]] as const) {
    const all = expressions(numbers);
    assert.ok(all.length >= 14);
    for (const { text, value } of all) {
      assert.deepEqual(text.match(/\d+/g)!.map(Number).sort((a, b) => b - a), [...numbers]);
      assert.equal(calculate(text), String(value));
    }
  }
});

test('every puzzle of validation has a solution', () => {
  for (const row of committedRows('countdown', 'validation')) {
    const { numbers, target } = row.metadata as { numbers: [number, number, number]; target: number };
    assert.ok(expressions(numbers).some((expression) => expression.value === target), row.main_query);
  }
});

test('no puzzle is in two splits', () => {
  const all = (['lessons', 'training', 'validation'] as const).flatMap((split) => puzzles(split).map(({ numbers, target }) => `${numbers} ${target}`));
  assert.equal(new Set(all).size, all.length);
});
