import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdown } from '../../../runtime/judges/countdown.ts';
import { numbersIn, parseExpression, valueOf } from '../../../runtime/judges/expression.ts';
import { showRational } from '../../../runtime/judges/rational.ts';
import { answered, output, task } from './help.ts';
import type { JsonObject } from '../../../runtime/protocol/json.ts';

const judge = countdown({ workflow: 'Player' });
const puzzle = task({ target: 24, nums: [8, 3, 3, 8] });
const score = (box: string, of = puzzle) => judge.judge(of, answered(`I think \\boxed{${box}}`));

test('the right expression', () => {
  assert.deepEqual(score('8 / (3 - 8/3)'), { reward: 1, success: true, parts: { form: 0.1, correct: 0.9 } });
  assert.equal(score('8 \\div \\left(3 - 8 ÷ 3\\right)').reward, 1);
  assert.equal(score('8 × 3 + (3 − 3)', task({ target: 24, nums: [3, 3, 3, 8] })).reward, 1);
  assert.equal(score('-2+10', task({ target: 8, numbers: [10, 2] })).reward, 1);
});

test('parts add up to the reward', () => {
  for (const box of ['8 / (3 - 8/3)', '8+3']) {
    const { reward, parts } = score(box);
    assert.equal(Object.values(parts!).reduce((sum, part) => sum + part, 0), reward);
  }
});

test('a box with anything else is worth 0.1 and says why', () => {
  const cases: [string, RegExp][] = [
    ['8*3', /It uses 8, 3; the numbers are 8, 3, 3, 8/],
    ['8*3 + 8*3 - 8*3', /It uses/],
    ['8+3+3+8', /It makes 22, not 24/],
    ['8/(3-3)+8', /It divides by zero/],
    ['8/(3-8/3)=24', /`=` has no place/],
    ['', /ends too early/],
    ['8 3', /comes where it should end/],
    ['8**3', /a number is wanted where `\*`/],
    ['8//3', /a number is wanted where `\/`/],
    ['(8+3', /parenthesis isn’t closed/],
    ['8.3', /`\.` has no place/],
    ['1e308*10', /`e` has no place/],
    ['constructor', /`c` has no place/],
    ['process.exit(1)', /has no place/],
    ['(()=>24)()', /has no place|number is wanted/],
    ['٨+٣', /`٨` has no place/],
    ['😀', /`😀` has no place/],
    [`${'('.repeat(400)}8${')'.repeat(400)}`, /nested deeper than 100/],
    [`${'-'.repeat(400)}8`, /nested deeper than 100/],
    ['8+'.repeat(600), /longer than 1000/],
  ];
  for (const [box, reason] of cases) {
    const verdict = score(box);
    assert.equal(verdict.reward, 0.1, box);
    assert.equal(verdict.success, false);
    assert.match(verdict.reason!, reason, box.slice(0, 40));
  }
});

test('digits of a decimal or a glued number don’t pass for the numbers', () => {
  assert.equal(score('2.5', task({ target: 2, nums: [2, 5] })).reward, 0.1);
  assert.equal(score('25', task({ target: 25, nums: [2, 5] })).reward, 0.1);
});

test('values are exact', () => {
  assert.equal(score('(1/3 + 1/3 + 1/3)', task({ target: 1, nums: [1, 1, 1, 3, 3, 3] })).reward, 1);
  const big = '9999999999999999999';
  assert.equal(score(`${big} + 1 - ${big}`, task({ target: 1, nums: [1, big, big] })).reward, 1);
  assert.equal(score('1000000/3 - 333333', task({ target: 0, nums: [1000000, 3, 333333] })).reward, 0.1);
});

test('no box is worth nothing', () => {
  assert.equal(judge.judge(puzzle, answered('8 / (3 - 8/3)')).reward, 0);
});

test('the puzzle may be the label, or told by the workflow as in AgentJet', () => {
  assert.equal(judge.judge(task({ nums: [1, 2] }, 3), answered('\\boxed{1+2}')).reward, 1);
  assert.equal(judge.judge(task({}, { target: 3, nums: [1, 2] }), answered('\\boxed{1+2}')).reward, 1);
  assert.equal(judge.judge(task({}), output({ final_answer: '\\boxed{1+2}', target: 3, nums: [1, 2] })).reward, 1);
  assert.equal(judge.judge(task({ target: 3, nums: [1, 2] }), output({ final_answer: '\\boxed{5}', target: 5, nums: [5] })).reward, 0.1);
});

test('a task that is no puzzle is the data’s fault', () => {
  const broken: JsonObject[] = [{}, { target: 3 }, { target: 3, nums: [] }, { target: 'x', nums: [1] }, { target: 3.5, nums: [1] }, { target: 3, nums: [1.5] }, { target: 3, nums: 'abc' }];
  for (const metadata of broken) {
    assert.throws(() => judge.judge(task(metadata), answered('\\boxed{1}')), { code: 'data', message: /Task t1 is no Countdown puzzle/ });
  }
});

test('precedence and order, against the same arithmetic done by hand', () => {
  const cases: [string, string][] = [['1-2-3', '-4'], ['2+3*4', '14'], ['(2+3)*4', '20'], ['8/4/2', '1'], ['2*-3', '-6'], ['--2', '2'], ['7/2', '7/2'], ['-(1-2)', '1'], ['6/-4', '-3/2']];
  for (const [source, value] of cases) assert.equal(showRational(valueOf(parseExpression(source))!), value, source);
  assert.deepEqual(numbersIn(parseExpression('-(12 - 005)*7')), [12n, 5n, 7n]);
});
