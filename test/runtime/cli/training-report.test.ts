import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Estimate, EvaluationRow, TrainingReport } from '../../../runtime/protocol/training.ts';
import { reportLines } from '../../../runtime/cli/training-report.ts';

const estimate = (mean: number): Estimate => ({ mean, low: mean - 0.1, high: mean + 0.1 });

function row(step: number, mean: number): EvaluationRow {
  const side = (rollouts: number): EvaluationRow['greedy'] => ({ ...FIGURES, rollouts, reward: estimate(mean), success: estimate(mean) });
  return { kind: 'evaluation', step, tasks: 4, greedy: side(4), sampled: side(8), best: false, time: { at: 0, total: 1 } };
}

const FIGURES: EvaluationRow['greedy'] = { rollouts: 0, lost: 0, failed: 0, reward: null, success: null, passAt: {}, sampledPerRollout: 0, truncated: 0 };

const report: TrainingReport = {
  v: 1, run: 'today', workflow: 'walk', model: 'embedded', steps: 8, before: row(0, 0.5), after: row(8, 0.75),
  gain: { greedy: estimate(0.25), sampled: null },
  gained: [{ taskId: 'a', taskIndex: 0, before: 0, after: 1 }], spoiled: [], curve: [], pairs: [],
  checkpoints: { best: 'checkpoints/step-8', last: 'checkpoints/step-8' }, notices: [{ code: 'training', message: 'Entropy fell.', next: 'Raise it.' }], duration: 61_000,
};

test('reward, success, gain, what turned and where the weights are, in aligned columns', () => {
  assert.deepEqual(reportLines(report), [
    'walk · embedded · 8 steps in 1 min 1 s',
    '',
    '                  before                  after                   gain',
    'reward, greedy    0.500 [0.400, 0.600]    0.750 [0.650, 0.850]    +0.250 [+0.150, +0.350]',
    'success, greedy   0.500 [0.400, 0.600]    0.750 [0.650, 0.850]',
    'reward, sampled   0.500 [0.400, 0.600]    0.750 [0.650, 0.850]',
    'success, sampled  0.500 [0.400, 0.600]    0.750 [0.650, 0.850]',
    '',
    '4 tasks, 12 rollouts each time; in brackets the 95 % interval.',
    '',
    'Greedy, 1 task became right and 0 became wrong.',
    '  right now: a',
    '',
    '! Entropy fell.',
    '  → Raise it.',
    '',
    'best  checkpoints/step-8',
    'last  checkpoints/step-8',
  ]);
});

test('with one end missing it makes nothing up', () => {
  assert.match(reportLines({ ...report, before: null }).join('\n'), /^reward, greedy {4}– {23}0\.750/m);
  const none = reportLines({ ...report, before: null, after: null, gained: [], notices: [], checkpoints: { best: null, last: null } });
  assert.deepEqual(none, ['walk · embedded · 8 steps in 1 min 1 s', '', 'No validation was made, so there is no before and after.']);
});
