import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastBoxed } from '../../../runtime/judges/judge.ts';
import { mathAnswer, sameAnswer } from '../../../runtime/judges/math.ts';
import { answered, output, task } from './help.ts';

test('the last box counts, with the braces in it', () => {
  const cases: [string, string | undefined][] = [
    ['no box', undefined],
    ['\\boxed{1} then \\boxed{2}', '2'],
    ['\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
    ['\\boxed{\\sqrt{\\frac{a}{b}}} done', '\\sqrt{\\frac{a}{b}}'],
    ['\\boxed{\\{1, 2\\}}', '\\{1, 2\\}'],
    ['\\boxed{a\\}b}', 'a\\}b'],
    ['\\boxed {7}', '7'],
    ['\\fbox{8}', '8'],
    ['\\boxed{}', ''],
    ['\\boxed{\\boxed{5}}', '5'],
    ['\\boxed{1} and then \\boxed{2', undefined],
    ['\\boxed', undefined],
    ['\\boxed{a\\', undefined],
    ['boxed{5}', undefined],
    [`${'\\boxed{'.repeat(20_000)}`, undefined],
  ];
  for (const [text, box] of cases) assert.equal(lastBoxed(text), box, text.slice(0, 60));
});

const EQUAL: [string, string][] = [
  ['1/2', '0.5'], ['\\frac{1}{2}', '0.5'], ['\\dfrac12', '1/2'], ['-\\frac{3}{4}', '-0.75'], ['\\frac{-3}{4}', '-3/4'], ['2/4', '1/2'],
  ['1,234', '1234'], ['1{,}234', '1234'], ['12,345,678.5', '12345678.50'], ['1\\,000', '1000'], ['1 000', '1000'],
  ['42', '42.0'], ['+42', '42'], ['042', '42'], ['42.', '42'], ['.5', '0.5'], ['−5', '-5'], ['４２', '42'], ['1e3', '1000'],
  ['3 \\times 10^{5}', '300000'], ['2.5\\cdot10^{-2}', '0.025'],
  ['1\\frac{1}{2}', '1.5'], ['1 1/2', '3/2'], ['-2\\frac{1}{4}', '-2.25'],
  ['$18', '18'], ['\\$18.00', '18'], ['-$5', '-5'], ['18 dollars', '18'], ['18 apples', '18'], ['60 miles per hour', '60'], ['5\\text{ cm}', '5'], ['5 \\mathrm{m}', '5'], ['5km', '5'], ['10 hours', '10 hour'],
  ['50\\%', '50%'], ['50\\%', '50'], ['90^\\circ', '90'], ['90°', '90'],
  ['x = 5', '5'], ['$5$', '5'], ['\\left( 1, 2 \\right)', '(1,2)'], ['\\text{Monday}', 'Monday'], ['x^2 + 1', 'x^2+1'], ['٤٢', '٤٢'],
  ['1e308', `1${'0'.repeat(308)}`], ['0.1', '1/10'],
];
const DIFFERENT: [string, string][] = [
  ['1/2', '1/3'], ['0.333', '1/3'], ['1,23', '123'], ['1,2,3', '123'], ['12,34', '1234'], ['5', '-5'], ['1.5', '15'],
  ['5x', '5'], ['5 million', '5'], ['5 dozen', '5'], ['5 or 6', '5'], ['5 pi', '5'], ['5 km', '5 m'], ['5 cm', '5 kg'], ['50\\%', '0.5'],
  ['5²', '52'], ['½', '12'], ['٤٢', '42'], ['1 1/2', '11/2'], ['1 2', '12'], ['1/0', '1/0.0'], ['0/0', '1'], ['', '0'], ['', ''],
  ['1e999999999', '5'], ['Infinity', 'infinity '], ['NaN', '0'], ['constructor', '0'], ['__proto__', '0'], ['Monday', 'Tuesday'], ['(1,2)', '(2,1)'], ['\\frac{1}{0}', '0'],
];

test('equal answers', () => {
  for (const [a, b] of EQUAL) {
    assert.ok(sameAnswer(a, b), `${a} = ${b}`);
    assert.ok(sameAnswer(b, a), `${b} = ${a}`);
  }
});

test('different answers', () => {
  for (const [a, b] of DIFFERENT) {
    assert.ok(!sameAnswer(a, b), `${a} ≠ ${b}`);
    assert.ok(!sameAnswer(b, a), `${b} ≠ ${a}`);
  }
});

test('hostile text costs no time', () => {
  const started = performance.now();
  for (const piece of ['{', '\\frac{', ' a', '9', '1,', '\\text{', '(((', '-', '. ', '\\boxed{']) {
    sameAnswer(piece.repeat(100_000), '5');
    mathAnswer().judge(task({ answer: '5' }), answered(`\\boxed{${piece.repeat(100_000)}}`));
  }
  assert.ok(performance.now() - started < 2000);
});

const judge = mathAnswer({ workflow: 'MathAgent' });

test('the answer behind #### is the right one, and the label before the metadata', () => {
  const gsm = task({ answer: '2 + 3 = 5 #### no\n#### 1,005' });
  assert.deepEqual(judge.judge(gsm, answered('So \\boxed{1005}')), { reward: 1, success: true, parts: { boxed: 1, correct: 1 }, reason: undefined });
  assert.equal(judge.judge(gsm, answered('\\boxed{5}')).reward, 0);
  assert.equal(judge.judge(task({ answer: '1' }, '#### 2'), answered('\\boxed{2}')).reward, 1);
  assert.equal(judge.judge(task({}, 7), answered('\\boxed{7}')).reward, 1);
  assert.equal(judge.judge(task({ answer: 'Thus \\boxed{\\frac{1}{2}}.' }), answered('\\boxed{0.5}')).reward, 1);
});

test('no box is no answer, and says so', () => {
  const verdict = judge.judge(task({ answer: '5' }), answered('The answer is 5.'));
  assert.deepEqual([verdict.reward, verdict.success, verdict.parts], [0, false, { boxed: 0, correct: 0 }]);
  assert.match(verdict.reason!, /boxed/);
});

test('TypeScript’s spelling is read too', () => {
  assert.equal(judge.judge(task({ answer: '5' }), output({ finalAnswer: '\\boxed{5}' })).reward, 1);
});

test('a missing final answer names the workflow; a missing right answer the task', () => {
  assert.throws(() => judge.judge(task({ answer: '5' }), output({})), { code: 'reward', message: /^MathAgent returned neither a reward nor metadata\.final_answer/ });
  assert.throws(() => judge.judge(task({ answer: '5' }), output({ final_answer: { a: 1 } })), { code: 'reward', message: /is no text/ });
  assert.throws(() => judge.judge(task({}), answered('\\boxed{5}')), { code: 'data', message: /Task t1 has no right answer/ });
});
