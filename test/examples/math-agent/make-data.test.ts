import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculate } from '../../../examples/math-agent/calculator.ts';
import { rows } from '../../../examples/math-agent/make-data.ts';
import { kinds, problem } from '../../../examples/math-agent/problems.ts';
import { Seeded } from '../../../examples/seeded.ts';
import { committedRows } from '../data.ts';

test('the committed data is what the generator writes', () => {
  assert.deepEqual(committedRows('math-agent', 'training'), rows('training', 2400, 1));
  assert.deepEqual(committedRows('math-agent', 'validation'), rows('validation', 650, 2));
});

test('every label is the value of its expression, a whole number that is not negative', () => {
  for (const row of committedRows('math-agent', 'validation')) {
    const [expression, answer] = String(row.metadata.answer).split(' #### ');
    assert.equal(calculate(expression!), answer);
    assert.match(answer!, /^\d+$/);
    for (const number of expression!.match(/\d+/g)!) assert.match(row.main_query, new RegExp(`\\b${number}\\b`));
  }
});

test('training and validation share no problem', () => {
  const training = new Set(committedRows('math-agent', 'training').map((row) => row.main_query));
  assert.ok(committedRows('math-agent', 'validation').every((row) => !training.has(row.main_query)));
});

test('the hasty expression can be computed and is nearly always wrong', () => {
  const random = new Seeded(3);
  const wrong = new Map(kinds.map((kind) => [kind.name, { made: 0, wrong: 0 }]));
  for (let index = 0; index < 4000; index++) {
    const made = problem(random);
    const count = wrong.get(made.kind)!;
    count.made++;
    if (calculate(made.hasty) !== made.answer) count.wrong++;
  }
  for (const [kind, count] of wrong) assert.ok(count.wrong / count.made > 0.9, `${kind}: ${count.wrong} of ${count.made}`);
});
