import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculate } from '../../../examples/math-agent/calculator.ts';

test('computes exactly, in the usual order', () => {
  const cases: [string, string][] = [
    ['2+3*4', '14'], ['(2+3)*4', '20'], ['10-4-3', '3'], ['24/4/3', '2'], ['1/3*3', '1'], ['0.1+0.2', '0.3'], ['1/8', '0.125'],
    ['7/3', '7/3'], ['-3+1', '-2'], ['2*-3', '-6'], ['-1/4', '-0.25'], [' 12 * ( 3 + 4 ) ', '84'],
    ['99999999999999999999+1', '100000000000000000000'],
  ];
  for (const [expression, value] of cases) assert.equal(calculate(expression), value, expression);
});

test('says what is wrong with an expression', () => {
  const cases: [string, RegExp][] = [
    ['', /ends too early/], ['2+', /ends too early/], ['(2+3', /"\)" is missing/], ['2 3', /unexpected "3"/], ['2+x', /unexpected "x"/],
    ['process.exit()', /unexpected "p"/], ['4/(2-2)', /division by zero/],
  ];
  for (const [expression, said] of cases) assert.throws(() => calculate(expression), said, expression);
});
