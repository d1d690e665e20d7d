import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place, TuningForkError } from '../../../runtime/protocol/errors.ts';
import { batchOptions, checkTrainable, evaluationSampling, stepSettings } from '../../../runtime/training/settings.ts';
import { configOf, FakeTrainer, SAFE } from './fake-trainer.ts';

test('what the configuration leaves open fits the model', () => {
  const open = configOf();
  assert.deepEqual([stepSettings(open, { parameters: 870_000 }, 1, 10).learningRate, stepSettings(open, { parameters: 870_000 }, 1, 10).entropyCoef], [3e-4, 0.01]);
  assert.equal(stepSettings(open, { parameters: 7e9 }, 1, 10).learningRate, 1e-6);
  const told = configOf({ entropy_coeff: 0, optim: { lr: 0.5 } });
  assert.deepEqual([stepSettings(told, { parameters: 870_000 }, 1, 10).learningRate, stepSettings(told, { parameters: 870_000 }, 1, 10).entropyCoef], [0.5, 0]);
});

test('warm-up rises from the first step, which already learns', () => {
  const config = configOf({ optim: { lr: 1, lr_warmup_steps: 4 } });
  assert.deepEqual([1, 2, 4, 5, 10].map((step) => stepSettings(config, { parameters: 1 }, step, 10).learningRate), [0.25, 0.5, 1, 1, 1]);
});

test('a cosine falls from the end of the warm-up to its least, and the last step still learns', () => {
  const rates = (optim: Record<string, unknown>, total: number): number[] => Array.from({ length: total }, (_, i) =>
    Number(stepSettings(configOf({ optim: { lr: 1, lr_scheduler_type: 'cosine', ...optim } }), { parameters: 1 }, i + 1, total).learningRate.toFixed(4)));
  assert.deepEqual(rates({}, 4), [1, 0.8536, 0.5, 0.1464]);
  assert.deepEqual(rates({ lr_warmup_steps: 2 }, 6), [0.5, 1, 1, 0.8536, 0.5, 0.1464]);
  assert.deepEqual(rates({ min_lr_ratio: 0.5 }, 4), [1, 0.9268, 0.75, 0.5732]);
  assert.deepEqual(rates({ lr_warmup_steps: 4 }, 2), [0.25, 0.5]);
});

test('the trainer’s temperature is that of sampling; without KL its coefficient is 0', () => {
  const { temperature, klCoef } = stepSettings(configOf({ use_kl_loss: false }, { temperature: 0.7 }), { parameters: 1 }, 1, 10);
  assert.deepEqual([temperature, klCoef], [0.7, 0]);
  assert.equal(stepSettings(configOf(), { parameters: 1 }, 1, 10).klCoef, 0.002);
});

test('Dr. GRPO divides by a constant, unless another mean is asked for', async () => {
  const info = await new FakeTrainer(SAFE).info();
  const aggregation = (settings: Record<string, unknown>): string => batchOptions(configOf(settings), info).aggregation;
  assert.equal(aggregation({ algorithm: { adv_estimator: 'dr_grpo' } }), 'rollout-constant');
  assert.equal(aggregation({ algorithm: { adv_estimator: 'dr_grpo' }, loss_agg_mode: 'token-mean' }), 'token-mean');
  assert.equal(aggregation({}), 'rollout-mean');
});

test('sampled validation keeps its own settings where they sample, else those of training', () => {
  assert.equal(evaluationSampling(configOf({}, { temperature: 0.9 })).temperature, 0.9);
  assert.equal(evaluationSampling(configOf({}, { val_kwargs: { temperature: 0.6, top_p: 0.9 } })).topP, 0.9);
  assert.equal(evaluationSampling(configOf({}, { val_kwargs: { temperature: 0.6, do_sample: false } })).temperature, 1);
});

test('what would make every step useless is refused at the key that says it', () => {
  const place = (key: string): Place => ({ file: 'a.yaml', key });
  for (const [rollout, message] of [[{ temperature: 0 }, /Greedy/], [{ top_p: 0.9 }, /top_p/], [{ num_repeat: 1 }, /no other/]] as const) {
    const [key] = Object.keys(rollout);
    assert.throws(() => checkTrainable(configOf({}, rollout), place), (error: TuningForkError) => message.test(error.message) && error.where?.key === `rollout.${key}` && error.where.file === 'a.yaml');
  }
});
