import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaps, widthOf } from '../../../extension/editor/align.ts';
import { escaped, hoverText } from '../../../extension/editor/hover-text.ts';
import { inlineValues, rewardText, siteText } from '../../../extension/editor/values.ts';
import { decimal, percent } from '../../../extension/editor/words.ts';
import { gather, type Digest, type RunFigures } from '../../../extension/results/figures.ts';
import { newRun } from '../../runtime/trace/samples.ts';
import type { RunInfo } from '../../../runtime/protocol/trace.ts';

const l10n = { t: (text: string, ...args: (string | number | boolean)[]): string => text.replace(/\{(\d)\}/g, (_, at) => String(args[Number(at)])) };
const path = '/project/workflow.ts';

function figures(more: Partial<RunFigures> = {}, info: Partial<RunInfo> = {}): RunFigures {
  const digest: Digest = {
    rollout: 's0t0n0', error: { file: path, line: 12, message: 'a | b' },
    calls: [9, 11].map((sampled, index) => ({ index, file: path, line: 7, role: 'sol|ver', figures: { calls: 1, prompt: 100, sampled, logprobs: { count: sampled, sum: -0.4 * sampled }, truncated: sampled === 11 ? 1 : 0, malformed: 0 } })),
  };
  return {
    dir: '/runs/a/b/c', info: { ...newRun({ files: { [path]: 'hash' } }), v: 1, run: 'c', created: '2026-11-20T12:00:00Z', state: 'finished', ...info }, step: undefined,
    total: 16, rollouts: 16, failed: 0, reward: { count: 16, mean: 0.625, deviation: 0.2149 }, success: { right: 7, of: 16 }, validation: undefined,
    best: 's0t0n0', worst: 's0t0n1', failure: undefined, looked: 16, ...gather([digest]), ...more,
  };
}

test('a line says in a few words what a run told of it', () => {
  const run = figures();
  assert.equal(rewardText(run, undefined, l10n), 'reward 0.63 ± 0.21 (16)');
  assert.equal(rewardText(figures({ rollouts: 0 }), undefined, l10n), undefined);
  assert.equal(rewardText(figures({ reward: undefined, failed: 16 }), undefined, l10n), 'no reward · 16 failed');
  assert.equal(rewardText(figures({ step: 3, validation: { step: 2, reward: { count: 4, mean: 0.5, deviation: 0 } } }), undefined, l10n), 'step 3 · reward 0.63 ± 0.21 (16) · validation 0.50');
  const again = figures({}, { source: '/runs/a/b/0' });
  assert.equal(rewardText(again, figures({ reward: { count: 16, mean: 0.1, deviation: 0 } }), l10n), 'reward 0.10 → 0.63 ± 0.21 (16)');
  assert.equal(rewardText(again, run, l10n), 'reward 0.63 ± 0.21 (16)');
  const site = (line: number): string => siteText(run.sites.get(path)!.get(line)!, l10n);
  assert.equal(site(7), '2 calls · 10 tokens · logprob −0.40 · 50% truncated');
  assert.equal(site(12), '1 failed');
});

test('values stand where their lines are now', () => {
  const values = inlineValues({ run: figures(), before: undefined, path, rewardLines: [8, 20], find: (line) => (line === 11 ? undefined : line + 2) }, l10n);
  assert.deepEqual(values.map(({ line, reward }) => [line, reward]), [[8, true], [20, true]], 'line 7 is the ninth now, line 12 is gone');
  assert.match(values[0]!.text, /^reward .* · 2 calls/);
  assert.deepEqual(inlineValues({ run: figures(), before: undefined, path: '/project/other.ts', rewardLines: [], find: (line) => line }, l10n), []);
});

test('the hover compares with the run before, links into the trace and lets no name be Markdown', () => {
  const run = figures({ looked: 10 });
  const [value] = inlineValues({ run, before: undefined, path, rewardLines: [6], find: (line) => line }, l10n);
  const text = hoverText({ value: value!, before: figures({ success: { right: 4, of: 16 } }), path, edited: ['work_flow.ts'], time: () => 'noon', said: (message) => message }, l10n);
  assert.match(text, /^\$\(history\) Of the code before the edit of work\\_flow\\\.ts\./);
  assert.match(text, /\|  \| this run \| run before \|\n\| :-- \| --: \| --: \|\n\| reward \| 0\.63 ± 0\.21 \| 0\.63 ± 0\.21 \|\n\| right \| 44% \| 25% \|/);
  assert.match(text, /\| \*\*sol\\\|ver\*\* \| 2 \| 100 \| 10 \| −0\.40 \| 50% \|\n\| run before \|/);
  assert.match(text, /Calls of the last 10 rollouts\./);
  const links = [...text.matchAll(/\(command:([\w.]+)\?([^)]*)\)/g)].map(([, command, args]) => [command, JSON.parse(decodeURIComponent(args!))]);
  assert.deepEqual(links[0], ['tuningFork.openRollout', [{ dir: '/runs/a/b/c', rollout: 's0t0n0' }]]);
  assert.ok(links.some(([, [place]]) => place.rollout === 's0t0n0' && place.call === 1), 'the truncated one at its call');
  assert.deepEqual(links.at(-1), ['tuningFork.clearInlineValues', [path]]);
  assert.equal(escaped('[x](command:y) $(bug)\n<b>'), '\\[x\\]\\(command:y\\) \\$\\(bug\\) \\<b\\>');
});

test('values of neighbouring lines stand in one column', () => {
  assert.deepEqual(gaps([{ line: 1, width: 20 }, { line: 3, width: 30 }, { line: 20, width: 5 }]), [13, 3, 3]);
  assert.deepEqual(gaps([{ line: 1, width: 10 }, { line: 2, width: 200 }, { line: 3, width: 195 }]), [3, 3, 8], 'one long line sends no other far away');
  assert.deepEqual(gaps([]), []);
  assert.deepEqual([widthOf('\tab', 4), widthOf('a\tb', 4), widthOf('奖励', 4), widthOf('é', 4)], [6, 5, 4, 1]);
});

test('numbers are short', () => {
  assert.deepEqual([decimal(-0.001), decimal(-0.5), decimal(1234, 0), decimal(123.4), decimal(0)], ['0.00', '−0.50', '1.2k', '123', '0.00']);
  assert.deepEqual([percent(0), percent(0.001), percent(0.255)], ['0%', '<1%', '26%']);
});
