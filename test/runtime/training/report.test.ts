import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import type { EvaluationRow } from '../../../runtime/protocol/training.ts';
import { evaluationOf } from '../../../runtime/training/evaluate.ts';
import { reportPage } from '../../../runtime/view/report-page.ts';
import { makeReport } from '../../../runtime/training/report.ts';
import { callOf, recordOf } from './records.ts';

/** Task by task, whether the greedy rollout and the two sampled ones are right. */
function side(step: number, rights: readonly (readonly boolean[])[], answer = 'fine'): RolloutRecord[] {
  return rights.flatMap((task, taskIndex) => task.map((right, sample) => recordOf({
    step, taskIndex, sample, split: 'validation', rollout: `v${step}t${taskIndex}n${sample}`, reward: right ? 1 : 0,
    calls: [callOf(0, { from: null, tail: [1, taskIndex], sampled: [10], reply: { role: 'assistant', content: `${answer} ${taskIndex}` } })],
  })));
}

const BEFORE = side(0, [[false, false, false], [true, true, false], [false, true, false], [true, true, true]]);
const AFTER = side(8, [[true, true, true], [false, true, false], [true, true, true], [true, true, true]], '<script>alert("&")</script>');

function row(step: number, records: RolloutRecord[]): EvaluationRow {
  const { tasks, greedy, sampled } = evaluationOf(step, records);
  return { kind: 'evaluation', step, tasks: tasks.length, greedy, sampled, best: false, time: { at: 0, total: 1 } };
}

const PARTS = {
  run: 'today', workflow: 'Walk & <talk>', model: 'embedded', rows: [row(8, AFTER), row(0, BEFORE)], sides: { before: BEFORE, after: AFTER },
  best: 'checkpoints/step-8', last: 'checkpoints/step-8', notices: [], duration: 61_000,
};

test('a validation in figures', () => {
  const { greedy, sampled, tasks } = evaluationOf(0, BEFORE);
  assert.deepEqual([greedy.reward!.mean, greedy.success!.mean, sampled.reward!.mean], [0.5, 0.5, 0.5]);
  assert.deepEqual(sampled.passAt, { 1: 0.5, 2: 0.75 });
  assert.equal(tasks.length, 4);
  const crashed = { ...BEFORE[4]!, status: 'failed' as const, reward: null, success: null, error: { code: 'policy' as const, message: 'gone' } };
  const timedOut = { ...crashed, error: { code: 'rollout-timeout' as const, message: 'slow' } };
  assert.deepEqual([evaluationOf(0, [crashed]).sampled.lost, evaluationOf(0, [crashed]).sampled.reward], [1, null]);
  assert.deepEqual([evaluationOf(0, [timedOut]).sampled.failed, evaluationOf(0, [timedOut]).sampled.reward!.mean], [1, 0]);
});

test('the report tells what turned, each task against itself, and shows both', () => {
  const report = makeReport(PARTS);
  assert.deepEqual(report.gained.map(({ taskIndex }) => taskIndex), [0, 2]);
  assert.deepEqual(report.spoiled.map(({ taskIndex }) => taskIndex), [1]);
  assert.deepEqual([report.gain.greedy!.mean, report.gain.sampled!.mean], [0.25, 0.375]);
  assert.deepEqual(report.pairs.map(({ task }) => task.taskIndex), [0, 2, 1]);
  assert.deepEqual(report.pairs[0]!.before.messages.map(({ role, text }) => [role, text]), [['user', 'turn 0'], ['assistant', 'fine 0']]);
  assert.equal(report.pairs[0]!.after.success, true);
});

test('its page holds all text as text, and asks for nothing outside of itself', () => {
  const page = reportPage(makeReport(PARTS));
  assert.ok(!page.includes('<script') && page.includes('&#60;script&#62;alert(&#34;&#38;&#34;)'));
  assert.ok(page.includes('Walk &#38; &#60;talk&#62;'));
  assert.doesNotMatch(page, /https?:|src=|@import|url\(/);
  assert.match(page, /default-src 'none'/);
  assert.match(page, /prefers-color-scheme: dark/);
});

test('in Chinese, all of the page but what people and models have written', () => {
  const page = reportPage(makeReport({ ...PARTS, rows: [row(8, AFTER), row(0, BEFORE)], notices: [{ code: 'training', message: 'The training was stopped.' }] }), 'zh-cn');
  assert.match(page, /<html lang="zh-cn">/);
  assert.match(page, /<title>Walk &#38; &#60;talk&#62;：训练带来的变化<\/title>/);
  for (const text of ['用时 1 分 1 秒', '训练前', '提升', '4 个任务；', '奖励（贪心）', '之前错，之后对：2', '奖励 1，正确', '训练已停止。']) assert.ok(page.includes(text), text);
  const words = page.replace(/<style>[^]*<\/style>|<pre>[^]*?<\/pre>|<[^>]+>/g, ' ').match(/\b(?:before|after|gain|reward|right|wrong|tasks|steps?|success|validation|run|best|last)\b(?!-)/g);
  assert.deepEqual(words, null);
});

test('with one end missing it says so, and makes no gain up', () => {
  const report = makeReport({ ...PARTS, rows: [row(8, AFTER)], sides: undefined, best: null, last: null });
  assert.deepEqual([report.before, report.gain, report.pairs], [null, { greedy: null, sampled: null }, []]);
  assert.match(reportPage(report), /<td>–<\/td>/);
});
