import assert from 'node:assert/strict';
import { test } from 'node:test';
import { painter } from '../../../runtime/cli/terminal.ts';
import { evaluationLine } from '../../../runtime/cli/train-view.ts';
import type { EvaluationRow } from '../../../runtime/protocol/training.ts';

const figures: EvaluationRow['greedy'] = { reward: { mean: 0.48, low: 0.38, high: 0.58 }, success: null, rollouts: 100 } as EvaluationRow['greedy'];

function line(step: number, afterwards: boolean): string {
  return evaluationLine({ kind: 'evaluation', step, tasks: 100, greedy: figures, sampled: figures, best: false } as unknown as EvaluationRow, afterwards, painter(false));
}

test('a validation of the first weights says whether it was made before the training or after it', () => {
  assert.match(line(0, false), /^◆ before training, 100 validation tasks: greedy 0\.480/);
  assert.match(line(60, true), /^◆ after step 60, /);
  assert.match(line(0, true), /^◆ to compare, the weights it began with, 100 validation tasks: /);
});
