import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive } from '../../../../runtime/processes/stamp.ts';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import type { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import type { ProcessStamp } from '../../../../runtime/protocol/trace.ts';
import { startEmbeddedTrainer } from '../../../../runtime/trainers/embedded/process.ts';
import { encodeStep } from '../../../../runtime/trainers/packs.ts';
import { embedded, packOf, sampleGroup, start, stepOf, temporaryFolder } from '../world.ts';

test('it ends when asked, after the step it is making', async () => {
  const trainer = await start();
  assert.ok(isAlive(trainer.stamp));
  const policy = await trainerPolicy(trainer.address);
  const body = encodeStep([packOf(await sampleGroup(policy), [1, -1, 1, -1])], stepOf());
  await policy.close();
  let stopped: Promise<void> | undefined;
  const { version } = await trainer.client.step(body, { onHeartbeat: () => { stopped ??= trainer.stop(); } });
  assert.equal(version, 1);
  await stopped;
  assert.deepEqual(await trainer.exited, { code: 0, signal: null, told: '' });
  assert.ok(!isAlive(trainer.stamp));
  await trainer.stop();
});

test('Ctrl-C does not end it', async () => {
  const trainer = await start();
  process.kill(trainer.stamp.pid, 'SIGINT');
  assert.equal((await trainer.client.info()).version, 0);
});

test('it ends when whoever started it is gone, however that went', async () => {
  const code = `
    import { startEmbeddedTrainer } from ${JSON.stringify(new URL('../../../../runtime/trainers/embedded/process.ts', import.meta.url).href)};
    const trainer = await startEmbeddedTrainer({ model: ${JSON.stringify(embedded)}, threads: 1 });
    console.log(JSON.stringify(trainer.stamp));`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(parent.stdout, 'data') as [Buffer];
  const stamp = JSON.parse(line.toString()) as ProcessStamp;
  assert.ok(isAlive(stamp));
  parent.kill('SIGKILL');
  const deadline = Date.now() + 5_000;
  while (isAlive(stamp)) {
    assert.ok(Date.now() < deadline, 'the trainer outlived its parent by 5 seconds');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

const damages: [string, (directory: string) => void, RegExp][] = [
  ['no train graphs', (directory) => rmSync(join(directory, 'onnx', 'train.json')), /no train graphs/],
  ['no weights', (directory) => rmSync(join(directory, 'model.safetensors')), /weights are missing/],
  ['a sampling graph of other weights', (directory) => {
    const file = join(directory, 'onnx', 'model.onnx');
    const bytes = readFileSync(file);
    const at = bytes.indexOf(readFileSync(join(directory, 'model.safetensors')).subarray(-512));
    assert.ok(at > 0, 'the last norm is in both files');
    bytes[at + 1]! ^= 1;
    writeFileSync(file, bytes);
  }, /"model\.norm\.weight" in the graph is not what model\.safetensors says/],
  ['a train graph that is none', (directory) => writeFileSync(join(directory, 'onnx', 'train-grad.onnx'), 'x'), /cannot load the train graph/],
];

for (const [name, damage, wanted] of damages) {
  test(`a model with ${name} is refused at once with the file and the next step`, async () => {
    const directory = join(temporaryFolder(), 'model');
    cpSync(embedded, directory, { recursive: true });
    damage(directory);
    await assert.rejects(startEmbeddedTrainer({ model: directory }), (error: TuningForkError) => (
      wanted.test(error.message) && error.where!.file.startsWith(directory) && error.next !== undefined));
  });
}
