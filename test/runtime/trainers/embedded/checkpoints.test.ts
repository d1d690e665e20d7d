import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openOnnxPolicy } from '../../../../runtime/policy/onnx/policy.ts';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import type { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import type { StepAnswer } from '../../../../runtime/protocol/trainer.ts';
import { encodeStep } from '../../../../runtime/trainers/packs.ts';
import { readSafetensors } from '../../../../runtime/trainers/safetensors.ts';
import { embedded, packOf, request, sampleGroup, start, stepOf, temporaryFolder, type Answers } from '../world.ts';

const folder = temporaryFolder();
const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const hashesOf = (directory: string): string[] => ['model.safetensors', 'optimizer.safetensors', 'onnx/model.onnx'].map((name) => hashOf(join(directory, name)));
const refused = (wanted: RegExp) => (error: TuningForkError): boolean => error.code === 'trainer' && wanted.test(error.message);

const trainer = await start();
const policy = await trainerPolicy(trainer.address);
const groups: Answers[] = [];
for (let task = 0; task < 3; task++) groups.push(await sampleGroup(policy, 4, task));
const bodyOf = (version: number): Uint8Array => encodeStep(groups.map((group) => packOf(group, [1, -1, 0.5, -0.5])), stepOf({
  version, updates: [{ packs: [0, 1], denominator: 8 }, { packs: [2], denominator: 4 }, { packs: [1, 0, 2], denominator: 12 }],
}));

test('after a kill -9 the checkpoint and the bodies since give the same weights, moments and answers, bit for bit', async () => {
  const answers: StepAnswer[] = [];
  for (let version = 0; version < 5; version++) {
    answers.push(await trainer.client.step(bodyOf(version)));
    if (version === 1) assert.equal((await trainer.client.checkpoint({ name: 'v2', directory: join(folder, 'v2'), optimizer: true })).version, 2);
  }
  assert.deepEqual(await trainer.client.info().then(({ version, durableVersion }) => [version, durableVersion]), [5, 2]);
  await trainer.client.checkpoint({ name: 'v5', directory: join(folder, 'v5'), optimizer: true });

  const victim = await start();
  await victim.client.load('v2', join(folder, 'v2'));
  await victim.client.step(bodyOf(2));
  const dying = victim.client.step(bodyOf(3));
  victim.kill();
  await assert.rejects(dying, (error: TuningForkError) => error.code === 'trainer-gone');
  assert.equal((await victim.exited).signal, 'SIGKILL');

  const next = await start();
  assert.deepEqual(await next.client.load('v2', join(folder, 'v2')), { name: 'v2', directory: join(folder, 'v2'), version: 2, optimizer: true });
  assert.deepEqual(await next.client.info().then(({ version, durableVersion }) => [version, durableVersion]), [2, 2]);
  // The answer that may have been lost is still known; what comes after it is done again.
  assert.deepEqual(await next.client.step(bodyOf(1)), answers[1]);
  for (let version = 2; version < 5; version++) {
    const { metrics: { milliseconds: _, ...metrics } } = await next.client.step(bodyOf(version));
    const { milliseconds: _first, ...wanted } = answers[version]!.metrics;
    assert.deepEqual(metrics, wanted);
  }
  await next.client.checkpoint({ name: 'again', directory: join(folder, 'again'), optimizer: true });
  assert.deepEqual(hashesOf(join(folder, 'again')), hashesOf(join(folder, 'v5')));
  const sampled = await Promise.all([trainer, next].map(async ({ address }) => {
    const one = await trainerPolicy(address);
    const { ids, logprobs } = await one.sample(request(one, 77));
    await one.close();
    return { ids, logprobs };
  }));
  assert.deepEqual(sampled[0], sampled[1]);
});

test('with two threads, too, one run is like the other to the last bit', async () => {
  const [one, other] = await Promise.all(['one', 'other'].map(async (name) => {
    const two = await start({ threads: 2 });
    for (let version = 0; version < 3; version++) await two.client.step(bodyOf(version));
    await two.client.checkpoint({ name, directory: join(folder, name), optimizer: true });
    return hashesOf(join(folder, name));
  }));
  assert.deepEqual(one, other);
});

test('a checkpoint is a model: it samples as the trainer does, and can be trained', async () => {
  const stored = await openOnnxPolicy(join(folder, 'v5'));
  const [one, other] = await Promise.all([stored.sample(request(stored, 5)), policy.sample(request(policy, 5))]);
  assert.deepEqual([one.ids, one.logprobs], [other.ids, other.logprobs]);
  assert.equal(stored.tokenizer.sha256, policy.tokenizer.sha256);
  assert.equal(stored.format.sha256, policy.format.sha256);
  await stored.close();
  const [theirs, ours] = [embedded, join(folder, 'v5')].map((directory) => readSafetensors(readFileSync(join(directory, 'model.safetensors'))).tensors);
  assert.deepEqual([...ours!.keys()].sort(), [...theirs!.keys()].sort());
  for (const [name, { shape }] of theirs!) assert.deepEqual(ours!.get(name)!.shape, shape);
  const on = await start({ model: join(folder, 'v5') });
  assert.equal((await on.client.step(bodyOf(0))).version, 1);
});

test('stored checkpoints sample beside the weights in training, by name and by folder, several at once', async () => {
  const policies = await Promise.all(['v2', join(folder, 'v2'), 'v5', embedded].map((checkpoint) => trainerPolicy(trainer.address, { checkpoint })));
  const answers = await Promise.all(policies.map((one) => one.sample(request(one, 5, { maxTokens: 40 }))));
  assert.deepEqual(answers[0]!.logprobs, answers[1]!.logprobs);
  assert.notDeepEqual(answers[0]!.logprobs, answers[2]!.logprobs);
  const now = await policy.sample(request(policy, 5, { maxTokens: 40 }));
  assert.deepEqual(answers[2]!.logprobs, now.logprobs);
  await Promise.all(policies.map((one) => one.close()));
});

test('loading goes back in the same process, and the steps since can be made again', async () => {
  const before = await trainer.client.step(bodyOf(5));
  await trainer.client.load('v5');
  assert.equal((await trainer.client.info()).version, 5);
  const { metrics: { milliseconds: _, ...metrics } } = await trainer.client.step(bodyOf(5));
  const { milliseconds: _first, ...wanted } = before.metrics;
  assert.deepEqual(metrics, wanted);
});

test('a folder that is there is left alone, unless it holds just this', async () => {
  await trainer.client.load('v5');
  const directory = join(folder, 'v5');
  const before = hashesOf(directory);
  await trainer.client.checkpoint({ name: 'v5', directory, optimizer: true });
  await assert.rejects(trainer.client.checkpoint({ name: 'new', directory: join(folder, 'v2'), optimizer: true }), refused(/holds something else/));
  mkdirSync(join(folder, 'mine'));
  writeFileSync(join(folder, 'mine', 'notes.txt'), 'mine');
  await assert.rejects(trainer.client.checkpoint({ name: 'mine', directory: join(folder, 'mine'), optimizer: true }), refused(/holds something else/));
  assert.deepEqual(readdirSync(join(folder, 'mine')), ['notes.txt']);
  assert.deepEqual(hashesOf(directory), before);
});

test('weights alone are enough to use and not to resume, and do not count as durable', async () => {
  await trainer.client.step(bodyOf(5));
  const { durableVersion } = await trainer.client.info();
  const directory = join(folder, 'weights');
  assert.equal((await trainer.client.checkpoint({ name: 'weights', directory, optimizer: false })).optimizer, false);
  assert.equal((await trainer.client.info()).durableVersion, durableVersion);
  await assert.rejects(trainer.client.load('weights'), refused(/without its optimizer/));
  assert.equal((await trainer.client.info()).version, 6, 'a refused load changes nothing');
  assert.deepEqual((await trainer.client.checkpoints()).map(({ name, version, optimizer }) => [name, version, optimizer]).sort(), [['v2', 2, true], ['v5', 5, true], ['weights', 6, false]]);
});

test('leftovers of a write that was cut off are cleared away, and damaged checkpoints are refused', async () => {
  mkdirSync(join(folder, '.late.writing-0000'), { recursive: true });
  await trainer.client.checkpoint({ name: 'late', directory: join(folder, 'late'), optimizer: true });
  assert.ok(!readdirSync(folder).some((name) => name.startsWith('.')));
  for (const [name, damage, wanted] of [
    ['cut', (directory: string) => truncateSync(join(directory, 'optimizer.safetensors'), 1000), /optimizer's state cannot be read/],
    ['headless', (directory: string) => rmSync(join(directory, 'model.safetensors')), /weights are missing/],
    ['garbled', (directory: string) => writeFileSync(join(directory, 'trainer.json'), '{}'), /cannot be read/],
  ] as const) {
    cpSync(join(folder, 'late'), join(folder, name), { recursive: true });
    damage(join(folder, name));
    await assert.rejects(trainer.client.load(name, join(folder, name)), refused(wanted));
  }
  await assert.rejects(trainer.client.checkpoint({ name: 'nowhere', directory: join(folder, 'late', 'config.json', 'x'), optimizer: true }), refused(/cannot be written/));
  assert.equal((await trainer.client.info()).version, 6);
});
