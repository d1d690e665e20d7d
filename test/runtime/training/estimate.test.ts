import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateTraining, measurementOf, timeLeft, validationsOf } from '../../../runtime/training/estimate.ts';
import { train } from '../../../runtime/training/loop.ts';
import { folder } from '../trace/samples.ts';
import type { StepRow } from '../../../runtime/protocol/training.ts';
import { configOf, TASKS, world } from './fake-trainer.ts';

const TASK_COUNTS = { training: TASKS.training.length, validation: TASKS.validation.length };

test('the estimate counts the rollouts, validations and checkpoints that the training then makes', async (t) => {
  for (const settings of [{}, { total_training_steps: 8, save_freq: 3 }, { save_freq: -1 }, { test_freq: -1 }, { test_freq: -1, val_before_train: true }, { val_only: true }, { val_max_num_task_each_validation: 2 }]) {
    const disk = { dir: await folder(t), sealed: new Map() };
    const config = configOf(settings);
    const { options, events } = await world(disk, { config });
    await train(options);
    const { rollouts, checkpoints, steps } = estimateTraining(config, { parameters: 1e6 }, TASK_COUNTS);
    const made = [...disk.sealed.values()];
    assert.deepEqual([rollouts.training, rollouts.validation], [made.filter(({ split }) => split === 'training').length, made.filter(({ split }) => split === 'validation').length]);
    assert.equal(validationsOf(config, steps), events.filter(({ type }) => type === 'evaluation').length);
    const kept = events.filter(({ type }) => type === 'checkpoint').length;
    assert.ok(steps === 0 || checkpoints.count >= Math.min(kept, 2), `${checkpoints.count} of ${kept}`);
  }
});

test('minutes are told once there is something measured to tell them from', () => {
  const config = configOf();
  assert.equal(estimateTraining(config, { parameters: 1e6 }, TASK_COUNTS).minutes, null);
  const { minutes, sampledTokens, rollouts, disk } = estimateTraining(config, { parameters: 1e6 }, TASK_COUNTS, { perRollout: 100, sampledPerRollout: 20, perStep: 1_000 });
  const all = rollouts.training + rollouts.validation;
  assert.deepEqual([minutes, sampledTokens], [(all * 100 + 9 * 1_000) / 60_000, all * 20]);
  assert.ok(disk > estimateTraining(config, { parameters: 1e6 }, TASK_COUNTS).disk);
});

test('a reference costs a copy of the weights', () => {
  const memory = (settings: Record<string, unknown>): number => estimateTraining(configOf(settings), { parameters: 1e8 }, TASK_COUNTS).trainerMemory;
  assert.equal(memory({ use_kl_loss: true }) - memory({ use_kl_loss: false }), 4e8);
});

test('a step that was made tells of those to come', async (t) => {
  const { options, events } = await world({ dir: await folder(t), sealed: new Map() });
  await train(options);
  const rows = events.flatMap((event): StepRow[] => (event.type === 'step' ? [{ ...event.row, time: { ...event.row.time, collect: 240, total: 300 } }] : []));
  assert.deepEqual(measurementOf(rows[0]!), { perRollout: 20, sampledPerRollout: rows[0]!.sampledTokens / 12, perStep: 60 });
  assert.equal(timeLeft(rows.slice(0, 4), 9, { left: 2, milliseconds: 50 }), 5 * 300 + 100);
  assert.equal(timeLeft([], 9, { left: 0, milliseconds: 0 }), null);
});
