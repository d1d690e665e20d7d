import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import type { TokenPolicy } from '../../../../runtime/policy/policy.ts';
import type { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import type { StepAnswer } from '../../../../runtime/protocol/trainer.ts';
import type { Pack } from '../../../../runtime/tracker/index.ts';
import type { TrainerProcess } from '../../../../runtime/trainers/process.ts';
import { encodeStep } from '../../../../runtime/trainers/packs.ts';
import { embedded, packOf, request, sampleGroup, start, stepOf, type Answers } from '../world.ts';

let trainer: TrainerProcess;
let policy: TokenPolicy;
let group: Answers;

/** Each test goes on from the version the one before it left. */
before(async () => {
  trainer = await start({ heartbeatMs: 20 });
  policy = await trainerPolicy(trainer.address);
  group = await sampleGroup(policy);
});

const version = async (): Promise<number> => (await trainer.client.info()).version;
const take = async (packs: Pack[], change: Parameters<typeof stepOf>[0] = {}): Promise<StepAnswer> => trainer.client.step(encodeStep(packs, stepOf({ version: await version(), ...change })));
const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);

test('trainer and sampler agree on what was sampled, before any step and after', async () => {
  for (let round = 0; round < 2; round++) {
    const fresh = await sampleGroup(policy, 4, round);
    const pack = packOf(fresh, [1, -1, 1, -1]);
    const { packs: [scores] } = await trainer.client.score([pack], { temperature: 1 });
    scores!.logprob.forEach((logprob, t) => assert.ok(Math.abs(logprob - pack.targets.sampledLogprob[t]!) < 1e-4));
    assert.ok(scores!.entropy.every((entropy) => entropy >= 0 && entropy < Math.log(640)));
    const { metrics } = await take([pack]);
    assert.ok(metrics.samplerGap < 1e-5 && metrics.ratioMean === 1 && metrics.importanceMean > 0.99, JSON.stringify(metrics));
    assert.equal(metrics.targets, pack.targets.node.length);
  }
});

test('the next sample comes from the new weights, and from no cached keys of the old ones', async () => {
  const ask = request(policy, 3);
  const before = await policy.sample(ask);
  const { version } = await take([packOf(group, [1, -1, 1, -1])]);
  const after = await policy.sample(ask);
  assert.deepEqual([before.version, after.version, policy.version, after.cached], [version - 1, version, version, 0]);
  assert.notDeepEqual(before.logprobs, after.logprobs);
});

test('calls that run while a step is made end with the weights they began with', async () => {
  const now = await version();
  const calls = Array.from({ length: 8 }, (_, key) => policy.sample(request(policy, key, { maxTokens: 700, stopIds: new Set() })));
  const { version: next } = await take([packOf(group, [1, -1, 1, -1])]);
  for (const { ids, version } of await Promise.all(calls)) assert.deepEqual([ids.length, version], [700, now]);
  assert.deepEqual([next, (await policy.sample(request(policy, 1))).version], [now + 1, now + 1]);
});

test('a few steps that praise one answer make it likelier', async () => {
  const praised = packOf({ ...group, answers: group.answers.slice(0, 1) }, [1]);
  const logprob = async (): Promise<number> => sumOf((await trainer.client.score([praised], { temperature: 1 })).packs[0]!.logprob);
  const before = await logprob();
  for (let i = 0; i < 4; i++) await take([praised], { updates: [{ packs: [0], denominator: 1 }] });
  const after = await logprob();
  assert.ok(after > before + 0.5, `${before} became ${after}`);
});

test('a step sent again is answered again and done once, also while it is still being made', async () => {
  const body = encodeStep([packOf(group, [1, 0, 0, -1])], stepOf({ version: await version(), stepId: 'once' }));
  const [first, joined] = await Promise.all([trainer.client.step(body), trainer.client.step(body)]);
  const later = await trainer.client.step(body);
  assert.deepEqual(joined, first);
  assert.deepEqual(later, first);
  assert.equal(await version(), first.version);
});

test('the same id with another body, an old version and a future one are conflicts that name the reason', async () => {
  const pack = packOf(group, [1, 0, 0, -1]);
  const now = await version();
  const refused = (wanted: RegExp) => (error: TuningForkError): boolean => error.code === 'trainer' && wanted.test(error.message);
  await assert.rejects(take([pack], { stepId: 'once' }), refused(/"once" was already made with another body/));
  await assert.rejects(take([pack], { stepId: 'old', version: now - 1 }), refused(new RegExp(`version ${now - 1}, and they are at version ${now}`)));
  await assert.rejects(take([pack], { stepId: 'early', version: now + 1 }), refused(/made for weights of version/));
  assert.equal(await version(), now);
});

test('of two steps at once one is made', async () => {
  const now = await version();
  const [one, other] = await Promise.allSettled(['left', 'right'].map((stepId) => take([packOf(group, [1, 0, 0, -1])], { stepId, version: now })));
  assert.deepEqual([one!.status, other!.status].sort(), ['fulfilled', 'rejected']);
  assert.equal(await version(), now + 1);
});

test('a caller that goes away gets its answer when it comes back', async () => {
  const now = await version();
  const body = encodeStep([packOf(group, [1, 0, 0, -1])], stepOf({ version: now }));
  const gone = new AbortController();
  await assert.rejects(trainer.client.step(body, { signal: gone.signal, onHeartbeat: () => gone.abort(new Error('off')) }), /off/);
  assert.equal((await trainer.client.step(body)).version, now + 1);
  assert.equal(await version(), now + 1);
});

test('signs of life come while a step is made', async () => {
  const body = encodeStep([packOf(await sampleGroup(policy, 12, 9), Array.from({ length: 12 }, (_, i) => i % 2 - 0.5))], stepOf({
    version: await version(), updates: Array.from({ length: 3 }, () => ({ packs: [0], denominator: 12 })),
  }));
  const beats: number[] = [];
  await trainer.client.step(body, { onHeartbeat: (seconds) => beats.push(seconds) });
  assert.ok(beats.length > 1, `${beats.length} heartbeats`);
});

test('an update whose gradient is no number changes nothing, and is told', async () => {
  const pack = packOf(group, [1, -1, 1, -1]);
  const poisoned = structuredClone(pack);
  poisoned.targets.up.fill(1e300);
  const logprobs = async (): Promise<Float32Array> => (await trainer.client.score([pack], { temperature: 1 })).packs[0]!.logprob;
  const before = await logprobs();
  const alone = await take([poisoned]);
  assert.deepEqual([alone.metrics.updates, alone.metrics.skipped], [1, 1]);
  assert.ok(Number.isNaN(alone.metrics.loss) && Number.isNaN(alone.metrics.gradNorm));
  assert.deepEqual(await logprobs(), before);
  const among = await take([poisoned, pack], { updates: [{ packs: [0], denominator: 4 }, { packs: [1], denominator: 4 }] });
  assert.deepEqual([among.metrics.updates, among.metrics.skipped, among.metrics.targets], [2, 1, pack.targets.node.length]);
  assert.ok(Number.isFinite(among.metrics.loss) && among.metrics.gradNorm > 0);
});

test('what a step begins with is what later minibatches and epochs compare with', async () => {
  const fresh = await sampleGroup(policy, 4, 3);
  const packs = [packOf({ ...fresh, answers: fresh.answers.slice(0, 2) }, [1, -1]), packOf({ ...fresh, answers: fresh.answers.slice(2) }, [1, -1])];
  const updates = [0, 1, 0, 1].map((pack) => ({ packs: [pack], denominator: 2 }));
  const { metrics } = await take(packs, { updates, settings: { learningRate: 3e-3 } });
  assert.deepEqual([metrics.updates, metrics.skipped], [4, 0]);
  // Old and sampled logprobs are of the same weights; the ratio has moved since.
  assert.ok(metrics.samplerGap < 1e-5 && metrics.importanceMean > 0.999, JSON.stringify(metrics));
  assert.ok(metrics.ratioMax > 1.001, JSON.stringify(metrics));
});

test('the base model scores as a reference, and KL to it is what the step tells', async () => {
  const pack = packOf(await sampleGroup(policy, 4, 4), [1, -1, 1, -1]);
  const now = await trainer.client.score([pack], { temperature: 1 });
  const reference = await trainer.client.score([pack], { temperature: 1, checkpoint: embedded });
  assert.notDeepEqual(now.packs, reference.packs);
  pack.targets.refLogprob.set(reference.packs[0]!.logprob);
  const { metrics } = await take([pack], { settings: { klCoef: 0.1 } });
  const k3 = [...now.packs[0]!.logprob].map((logprob, t) => Math.exp(pack.targets.refLogprob[t]! - logprob) - (pack.targets.refLogprob[t]! - logprob) - 1);
  assert.ok(Math.abs(metrics.kl - sumOf(k3) / k3.length) < 1e-4 * Math.max(1, metrics.kl), `${metrics.kl}`);
});

test('how packs are cut makes no difference beyond rounding', async () => {
  const fresh = await sampleGroup(policy, 4, 5);
  const advantages = [1, -0.5, 0.25, -1];
  const losses: number[] = [];
  for (const parts of [[[0, 1, 2, 3]], [[0], [1], [2], [3]]]) {
    const packs = parts.map((part) => packOf({ ...fresh, answers: part.map((i) => fresh.answers[i]!) }, part.map((i) => advantages[i]!)));
    const { metrics } = await take(packs, { updates: [{ packs: packs.map((_, i) => i), denominator: 4 }], settings: { learningRate: 0 } });
    losses.push(metrics.loss, metrics.gradNorm);
  }
  assert.ok(Math.abs(losses[0]! - losses[2]!) < 1e-6 && Math.abs(losses[1]! / losses[3]! - 1) < 1e-4, losses.join());
});
