/** Weights that only the GPU runtime can compute with, asked about a rollout that others sampled. On the CPU; Python is set up by "npm test". */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { embedded } from '../../runtime/policy/open.ts';
import { gpuSettingsOfFolder, openGpuPolicy } from '../../runtime/policy/gpu.ts';
import { trainerPolicy } from '../../runtime/policy/trainer.ts';
import { openRunReader } from '../../runtime/trace/index.ts';
import { startGpuProcess } from '../../runtime/trainers/gpu/process.ts';
import { pythonOf } from '../../runtime/trainers/gpu/python.ts';
import { encodeStep } from '../../runtime/trainers/packs.ts';
import { Project } from '../runtime/backbone/project.ts';
import { packOf, sampleGroup, stepOf } from '../runtime/trainers/world.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const python = pythonOf(join(root, '.venv'));
const skip = existsSync(join(root, '.venv/installed.toml')) ? false : 'There is no .venv with the GPU runtime: "npm run test:python" makes one, with Python 3.11 or newer.';
const lora = { loraRank: 4, loraAlpha: 8, loraTargets: 'all-linear', gradientCheckpointing: false, offloadOptimizer: false };

test('a folder without graphs, and an adapter that has learned', { skip, timeout: 120_000 }, async () => {
  const project = await Project.make();
  const [base, adapter] = [join(project.dir, 'base'), join(project.dir, 'adapter')];
  await cp(embedded, base, { recursive: true, filter: (path) => !path.includes('onnx') });
  const trainer = await startGpuProcess(python, { model: base, device: 'cpu', dtype: 'float32', ...lora }, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
  const policy = await trainerPolicy(trainer.address);
  await trainer.client.step(encodeStep([packOf(await sampleGroup(policy), [1, -1, 1, -1])], stepOf()));
  await trainer.client.checkpoint({ name: 'adapter', directory: adapter, optimizer: false });
  await policy.close();
  await trainer.stop();

  const run = await project.run({ more: { gpu: { device: 'cpu' }, lora: { lora_rank: lora.loraRank, lora_alpha: lora.loraAlpha } } }, { model: 'embedded' });
  const record = await (await openRunReader(run.dir)).read(0);
  const env = { PATH: process.env.PATH!, TUNING_FORK_GPU_PYTHON: python, OMP_NUM_THREADS: '1' };
  const furthest = async (model: string): Promise<number> => {
    const { calls } = await run.client.request('score', { dir: run.dir, rollout: record.rollout, model, env });
    return Math.max(...calls.flatMap(({ call, logprobs }) => logprobs.map((logprob, i) => Math.abs(logprob - record.calls[call]!.tokens!.logprobs![i]!))));
  };
  const same = await furthest(base);
  assert.ok(same < 1e-4, `${same}`);
  const learned = await furthest(adapter);
  assert.ok(learned > 1e-3 && learned < 1, `${learned}`);

  // And it is a model to go on with: its tokenizer, its samples, a step.
  const settings = { ...gpuSettingsOfFolder(adapter, env), ...lora, device: 'cpu' };
  const more = await openGpuPolicy(settings, { env: { ...env, TUNING_FORK_HOME: project.dir } });
  const group = await sampleGroup(more);
  assert.deepEqual(more.tokenizer.sha256, policy.tokenizer.sha256);
  const going = await more.release();
  assert.equal((await going.client.info()).directory, adapter);
  assert.equal((await going.client.step(encodeStep([packOf(group, [1, -1, 1, -1])], stepOf()))).version, 1);
  await going.stop();
});
