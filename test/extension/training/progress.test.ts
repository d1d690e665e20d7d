import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOver, receive, roundedMinutes, sparkline, stepOf, timeLeft, trainingOf, type Training } from '../../../extension/training/progress.ts';
import type { RunEvent, RunEventBody } from '../../../runtime/protocol/backbone.ts';
import type { RunInfo } from '../../../runtime/protocol/trace.ts';
import type { EvaluationRow, StepRow, TrainingPlan } from '../../../runtime/protocol/training.ts';

const info = { run: 'r', kind: 'training', state: 'running', workflow: 'MathAgent' } as RunInfo;
const plan = { steps: 60, from: 0 } as TrainingPlan;
const step = (number: number, total: number, rewardMean = 0): RunEventBody => ({ type: 'training', event: { type: 'step', row: { kind: 'step', step: number, rewardMean, time: { total } } as StepRow } });
const validation = (number: number, total: number): RunEventBody => ({ type: 'training', event: { type: 'evaluation', row: { kind: 'evaluation', step: number, time: { total } } as EvaluationRow } });

function told(...bodies: RunEventBody[]): Training {
  const training = trainingOf({ project: '/p', run: 'r', dir: '/p/runs/a/b/r' }, info);
  bodies.forEach((body, seq) => receive(training, { ...body, run: 'r', seq, time: 0 } as RunEvent));
  return training;
}

test('a training is what its events say', () => {
  const training = told({ type: 'training', event: { type: 'training', plan } }, step(1, 100, 0.1), step(2, 100, 0.2));
  assert.equal(stepOf(training), 2);
  assert.equal(training.state, 'running');
  assert.deepEqual(training.steps.map(({ rewardMean }) => rewardMean), [0.1, 0.2]);
  receive(training, { type: 'paused', paused: true, run: 'r', seq: 9, time: 0 });
  assert.equal(training.state, 'paused');
  assert.equal(isOver(training), false);
  receive(training, { type: 'finished', state: 'cancelled', run: 'r', seq: 10, time: 0 });
  assert.equal(isOver(training), true);
  receive(training, { type: 'paused', paused: false, run: 'r', seq: 11, time: 0 });
  assert.equal(training.state, 'cancelled', 'what has ended does not go on');
});

test('the time left counts the newest steps and the validations still to come', () => {
  const planned: RunEventBody = { type: 'training', event: { type: 'training', plan } };
  assert.equal(timeLeft(told(planned)), undefined);
  assert.equal(timeLeft(told(planned, step(1, 100))), undefined, 'one step is no measure');
  assert.equal(timeLeft(told(planned, step(1, 1_000), step(2, 1_000))), 58_000);
  const slow = Array.from({ length: 10 }, (_, index) => step(index + 1, 9_000));
  const fast = Array.from({ length: 10 }, (_, index) => step(index + 11, 1_000));
  assert.equal(timeLeft(told(planned, validation(0, 5_000), ...slow, ...fast, validation(20, 5_000))), 40 * 1_000 + 2 * 5_000);
  assert.equal(timeLeft(told(planned, validation(0, 5_000), ...fast.slice(0, 2))), 48 * 1_000 + 5_000, 'the last validation comes in any case');
});

test('a sparkline rises where the reward does, and is no wider than asked', () => {
  assert.equal(sparkline([0, 0.5, 1]), '▁▅█');
  assert.equal(sparkline([0.3, 0.3]), '▄▄');
  assert.equal(sparkline([null, 1]), '▁█');
  const long = sparkline(Array.from({ length: 1_000 }, (_, index) => index), 20);
  assert.equal(long.length, 20);
  assert.deepEqual([...long], [...long].sort());
});

test('times are as coarse as they are uncertain', () => {
  assert.deepEqual(roundedMinutes(2_000), { value: 5, unit: 's' });
  assert.deepEqual(roundedMinutes(41_000), { value: 45, unit: 's' });
  assert.deepEqual(roundedMinutes(58_000), { value: 1, unit: 'min' });
  assert.deepEqual(roundedMinutes(150 * 60_000), { value: 2.5, unit: 'h' });
});
