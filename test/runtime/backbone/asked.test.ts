import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asBegun, givenKeys } from '../../../runtime/backbone/asked.ts';
import type { StartRun } from '../../../runtime/protocol/backbone.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun } from '../trace/samples.ts';

const request: StartRun = { kind: 'training', conf: 'agent.yaml', env: {}, cwd: '/project' };

test('what a training was given when it began holds when it goes on, but for what is given anew', async (context) => {
  const config = {
    backbone: 'embedded', model: { path: '/weights' }, trainable_targets: ['solver'],
    trainer_common: { total_training_steps: 30, save_freq: 5 }, rollout: { num_repeat: 8, temperature: 1 },
  };
  const given = givenKeys({ ...request, model: '/weights', train: ['solver'], set: { 'rollout.num_repeat': 8, 'gpu.token': 'x' }, training: { steps: 30 } }, { ...config, gpu: { token: '***' } });
  const { dir } = await createRun(await folder(context), { ...newRun(), kind: 'training', config, given });

  const resumed = await asBegun({ ...request, training: { resume: dir } });
  assert.equal(resumed.model, '/weights');
  assert.deepEqual(resumed.set, { 'trainer_common.total_training_steps': 30, 'rollout.num_repeat': 8, 'model.path': '/weights', trainable_targets: ['solver'], backbone: 'embedded' });

  const anew = await asBegun({ ...request, set: { 'rollout.num_repeat': 4 }, training: { resume: dir, steps: 60 } });
  assert.equal(anew.set!['rollout.num_repeat'], 4);
  assert.equal(anew.training!.steps, 60);
  assert.deepEqual(await asBegun(request), request);
});
