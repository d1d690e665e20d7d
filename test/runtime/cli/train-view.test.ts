import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { painter } from '../../../runtime/cli/terminal.ts';
import { evaluationLine, TrainView } from '../../../runtime/cli/train-view.ts';
import type { RunEvent, RunStatus } from '../../../runtime/protocol/backbone.ts';
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

test('a disk that is too small for what a training takes is told once, before it has taken it', (context) => {
  const told: string[] = [];
  context.mock.method(process.stderr, 'write', (text: string) => told.push(text) > 0);
  const view = new TrainView();
  view.begin({ dir: tmpdir(), elapsed: 0, info: { workflow: 'agent', policy: '' } } as RunStatus);
  const estimate = (disk: number): void => view.receive({ type: 'estimate', estimate: { minutes: null, rollouts: { training: 1, validation: 0 }, trainerMemory: 1, disk } } as RunEvent);
  estimate(1);
  assert.doesNotMatch(told.join(''), /are free/);
  estimate(1e18);
  estimate(1e18);
  view.end();
  assert.equal(told.join('').match(/! Only [\d.,]+ [GM]B are free on that disk\./g)?.length, 1);
});
