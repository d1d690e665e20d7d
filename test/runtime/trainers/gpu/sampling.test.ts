/** The sampler in Python against the one in Node: the same weights, prompts and keys. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openOnnxPolicy } from '../../../../runtime/policy/onnx/policy.ts';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import { startGpuProcess } from '../../../../runtime/trainers/gpu/process.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const model = `${root}runtime/policy/embedded`;
const python = `${root}.venv/${process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'}`;
const ready = existsSync(python) && spawnSync(python, ['-c', 'import h11, importlib.util as u; assert u.find_spec("transformers") and u.find_spec("peft")'], { stdio: 'ignore' }).status === 0;

test('the GPU runtime samples what the embedded policy samples', { skip: ready ? false : 'needs .venv: npm run test:python' }, async () => {
  const gpu = await startGpuProcess(python, { model, device: 'cpu', dtype: 'float32', loraRank: 0, loraAlpha: 0, loraTargets: 'all-linear', gradientCheckpointing: false, offloadOptimizer: false });
  const [there, here] = await Promise.all([trainerPolicy(gpu.address), openOnnxPolicy(model, { precision: 'fp32' })]);
  try {
    const prompts = ['What is 17 + 25?', 'Where is the goal?'].map((text) => here.tokenizer.encode(`<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`));
    const ways = [[1, 1, 0], [0, 1, 0], [0.7, 0.9, 0], [1.2, 1, 5], [1.5, 0.95, 50]].map(([temperature, topP, topK]) => ({ temperature: temperature!, topP: topP!, topK: topK! }));
    let gap = 0;
    await Promise.all(ways.flatMap((way) => prompts.flatMap((prompt) => [1n, 2n ** 63n + 5n].map(async (key) => {
      const request = { prompt, sampling: { ...way, maxTokens: 40 }, stopIds: new Set<number>(), key, top: 3 };
      const [ours, wanted] = await Promise.all([there.sample(request), here.sample(request)]);
      assert.deepEqual(ours.ids, wanted.ids);
      assert.deepEqual(ours.top!.ids, wanted.top!.ids);
      for (const [told, expected] of [[ours.logprobs, wanted.logprobs], [ours.top!.logprobs, wanted.top!.logprobs]]) {
        told!.forEach((logprob, index) => { gap = Math.max(gap, Math.abs(logprob - expected![index]!)); });
      }
    }))));
    assert.ok(gap < 1e-4, `${gap}`);
  } finally {
    await Promise.all([there.close(), here.close(), gpu.stop()]);
  }
  assert.equal((await gpu.exited).code, 0);
});
