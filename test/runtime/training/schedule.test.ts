import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyedOrder, planStep, scheduleOf, tasksOfStep, validationTasks } from '../../../runtime/training/schedule.ts';
import { TASKS } from './fake-trainer.ts';

test('a step’s tasks follow from seed and step alone', () => {
  const schedule = scheduleOf(100, 8);
  assert.deepEqual(schedule, { tasksPerStep: 8, stepsPerEpoch: 12 });
  assert.deepEqual(tasksOfStep(15, 100, 1, schedule), tasksOfStep(15, 100, 1, schedule));
  assert.equal(tasksOfStep(12, 100, 1, schedule).epoch, 1);
  assert.equal(tasksOfStep(13, 100, 1, schedule).epoch, 2);
  assert.notDeepEqual(tasksOfStep(1, 100, 2, schedule).indices, tasksOfStep(1, 100, 1, schedule).indices);
  assert.notDeepEqual(tasksOfStep(13, 100, 1, schedule).indices, tasksOfStep(1, 100, 1, schedule).indices);
});

test('fewer tasks than a step takes: all of them, each step', () => {
  const schedule = scheduleOf(3, 8);
  assert.deepEqual(schedule, { tasksPerStep: 3, stepsPerEpoch: 1 });
  assert.deepEqual(tasksOfStep(5, 3, 1, schedule).indices.toSorted(), [0, 1, 2]);
});

test('an order is a permutation, and no place is favoured', () => {
  const first = new Int32Array(6);
  for (let key = 0; key < 1200; key++) {
    const order = keyedOrder(6, 'test', key);
    assert.deepEqual(order.toSorted(), [0, 1, 2, 3, 4, 5]);
    first[order[0]!]!++;
  }
  assert.ok(first.every((count) => count > 140 && count < 260), String(first));
});

test('every validation takes the same tasks', () => {
  assert.deepEqual(validationTasks(5, null, 1), [0, 1, 2, 3, 4]);
  assert.deepEqual(validationTasks(5, 9, 1), [0, 1, 2, 3, 4]);
  const drawn = validationTasks(1000, 50, 1);
  assert.equal(new Set(drawn).size, 50);
  assert.deepEqual(drawn, validationTasks(1000, 50, 1));
});

test('rollouts of a task stand side by side, under names that say where they belong', () => {
  const plan = planStep(3, [7, 2], TASKS.training, 2).map(({ place }) => [place.rollout, place.taskId, place.sample]);
  assert.deepEqual(plan, [['s3t7n0', 'train-7', 0], ['s3t7n1', 'train-7', 1], ['s3t2n0', 'train-2', 0], ['s3t2n1', 'train-2', 1]]);
});
