import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { embedded } from '../../../runtime/policy/open.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import type { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { TrainerElsewhere } from '../../../runtime/trainers/elsewhere.ts';
import { start } from '../trainers/world.ts';
import { Project } from './project.ts';

test('the weights that sampled a rollout give its tokens the logprobs they had; others are told apart, and what has no ids is refused', { timeout: 60_000 }, async () => {
  const project = await Project.make();
  const conf = await project.conf({ tasks: ['call', 'call 2'] });
  const run = await project.start(conf, { kind: 'rollout', model: 'embedded' });
  await run.end();
  const record = await (await openRunReader(run.dir)).read(0);
  const ask = (model: string) => run.client.request('score', { dir: run.dir, rollout: record.rollout, model });

  const { calls } = await ask('embedded');
  assert.deepEqual(calls.map(({ call }) => call), record.calls.map(({ index }) => index));
  for (const { call, logprobs } of calls) {
    const sampled = record.calls[call]!.tokens!.logprobs!;
    assert.equal(logprobs.length, sampled.length);
    logprobs.forEach((logprob, i) => assert.ok(Math.abs(logprob - sampled[i]!) < 1e-4, `token ${i} of call ${call}: ${logprob}, sampled with ${sampled[i]}`));
  }
  await assert.rejects(ask('/nowhere'), /no weights in \/nowhere/);
  await assert.rejects(run.client.request('score', { dir: run.dir, rollout: 'none', model: 'embedded' }), /no rollout none/i);
});

test('weights without graphs for this machine are scored by the GPU runtime: the one that made them; where there is none, that is said', { timeout: 60_000 }, async () => {
  // The embedded trainer speaks the same protocol: it stands in for a runtime on another machine.
  const project = await Project.make();
  const trainer = await start({ keep: join(project.dir, 'there') });
  const gpu = { url: trainer.address.url, token: trainer.address.token };
  const run = await project.run({ more: { backbone: 'gpu', gpu, model: { path: 'a/model-of-a-hub' } } });
  const { info } = await openRunReader(run.dir);
  assert.equal(info.policy, 'embedded', 'a runtime elsewhere says what it serves');
  const record = await (await openRunReader(run.dir)).read(0);
  const env = { HOME: project.dir, PATH: process.env.PATH!, TUNING_FORK_HOME: join(project.dir, 'home'), TUNING_FORK_GPU_TOKEN: trainer.address.token };
  const ask = (model: string) => run.client.request('score', { dir: run.dir, rollout: record.rollout, model, env });

  const made = join(project.dir, 'step-1');
  await new TrainerElsewhere(trainer.client, 'run').checkpoint({ name: 'step-1', directory: made, optimizer: false });
  await rm(join(made, 'onnx'), { recursive: true });
  const { calls } = await ask(made);
  assert.ok(calls.length > 0);
  for (const { call, logprobs } of calls) {
    logprobs.forEach((logprob, i) => assert.ok(Math.abs(logprob - record.calls[call]!.tokens!.logprobs![i]!) < 1e-4));
  }

  const own = join(project.dir, 'own');
  await cp(embedded, own, { recursive: true, filter: (path) => !path.includes('onnx') });
  await assert.rejects(ask(own), (error: TuningForkError) => error.message === 'The GPU runtime is not set up on this machine.' && /gpu setup/.test(error.next!));
  assert.equal((await ask('embedded')).calls.length, calls.length, 'one that failed stands in nobody’s way');
});
