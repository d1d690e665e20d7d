import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placesIn, rolloutText } from '../../../extension/runs/rollout-text.ts';
import { rollout } from '../../runtime/trace/samples.ts';

const l10n = { t: (text: string, ...values: (string | number)[]) => text.replace(/\{(\d)\}/g, (_, i: string) => String(values[Number(i)])) };

test('a rollout as text has its messages, figures of each call, its reward, and where each call begins', () => {
  const record = { ...rollout(1, 3, 8), judge: { name: 'math_answer', reward: 0.75, success: true, parts: { form: 0.25, answer: 0.5 }, reason: 'right number' }, reward: 0.75 };
  const { text, callLines } = rolloutText(record, l10n);
  const lines = text.split('\n');
  assert.equal(callLines.length, 3);
  for (const [index, line] of callLines.entries()) assert.match(lines[line]!, new RegExp(`^━━ Call ${index} · solver · .* tokens · mean logprob -\\d`));
  assert.match(text, /── user\n {2}What is 17 \+ 0\? ✓ 你好\n/);
  assert.match(text, /→ calculator\(\{"expression":"17\*2"\}\)/);
  assert.match(text, /━━ Reward · 0\.7500 · math_answer\n {2}form: 0\.2500\n {2}answer: 0\.5000\n {2}right number/);
});

test('a rollout that failed says so first, with the place', () => {
  const { text } = rolloutText({ ...rollout(0, 1, 2), status: 'failed', reward: null, error: { code: 'rollout-threw', message: 'no', where: { file: '/project/a b.ts', line: 3, column: 7 }, next: 'look' } }, l10n);
  assert.match(text, /━━ Error · rollout-threw\n {2}no\n {2}\/project\/a b\.ts:3:7\n {2}→ look/);
});

test('places in files are found as they are written', () => {
  assert.deepEqual(placesIn('  at run (/project/src/math.ts:12:7)'), [{ from: 10, to: 35, place: { file: '/project/src/math.ts', line: 12, column: 7 } }]);
  assert.deepEqual(placesIn('  C:\\code\\a.mjs:4')[0]?.place, { file: 'C:\\code\\a.mjs', line: 4, column: 1 });
  assert.deepEqual(placesIn('at 12:30 we /go'), []);
  assert.deepEqual(placesIn(`${'/a '.repeat(300_000)}/x.ts:1`), [], 'at once');
});
