import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openOnnxPolicy, type OnnxPolicy } from '../../../runtime/policy/onnx/policy.ts';
import type { Sampled, SampleRequest, TokenPolicy } from '../../../runtime/policy/policy.ts';
import { trainerPolicy } from '../../../runtime/policy/trainer.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { TrainerProcess } from '../../../runtime/trainers/process.ts';
import { embedded, promptOf, request, start } from '../trainers/world.ts';

let trainer: TrainerProcess;
let remote: TokenPolicy;
let direct: OnnxPolicy;

before(async () => {
  trainer = await start();
  remote = await trainerPolicy(trainer.address);
  direct = await openOnnxPolicy(embedded);
});
after(async () => {
  await remote.close();
  await direct.close();
});

const both = (make: (policy: TokenPolicy) => SampleRequest): Promise<[Sampled, Sampled]> => Promise.all([remote.sample(make(remote)), direct.sample(make(direct))]);

test('it is the policy that the trainer trains', async () => {
  assert.equal(remote.label, 'embedded');
  assert.equal(remote.contextLength, direct.contextLength);
  assert.equal(remote.tokenizer.sha256, direct.tokenizer.sha256);
  assert.equal(remote.format.sha256, direct.format.sha256);
  assert.equal(remote.version, 0);
});

test('over HTTP the same tokens, logprobs and alternatives come as directly, bit for bit, alone and 16 at a time', async () => {
  const make = (key: number) => (policy: TokenPolicy) => request(policy, key, { prompt: promptOf(policy, key), maxTokens: 8 + key * 5, top: key % 3 });
  for (const pair of await Promise.all(Array.from({ length: 16 }, (_, key) => both(make(key))))) {
    const [one, other] = pair.map(({ ids, logprobs, top, finish, version }) => ({ ids, logprobs, top, finish, version }));
    assert.deepEqual(one, other);
    assert.ok(one!.ids.length > 0);
  }
});

test('onToken hears each token, and its word ends the call there, on both sides alike', async () => {
  const heard: Record<string, [number, number][]> = { remote: [], direct: [] };
  const [one, other] = await both((policy) => {
    const list = heard[policy === remote ? 'remote' : 'direct']!;
    return request(policy, 5, { top: 2, maxTokens: 60, stopIds: new Set(), onToken: (id, logprob) => list.push([id, logprob]) === 7 });
  });
  assert.equal(one.ids.length, 7);
  assert.deepEqual(heard.remote, heard.direct);
  assert.deepEqual({ ...one, cached: 0 }, { ...other, cached: 0 });
});

test('a second call finds the first one\'s prompt in the cache and says so', async () => {
  const prompt = promptOf(remote, 50);
  await remote.sample(request(remote, 1, { prompt }));
  const again = await remote.sample(request(remote, 2, { prompt }));
  assert.ok(again.cached >= prompt.length - 1);
});

test('an abort ends the call at both ends', async () => {
  const stop = new AbortController();
  const endless = remote.sample(request(remote, 1, { maxTokens: 900, stopIds: new Set(), signal: stop.signal, onToken: () => { stop.abort(new Error('enough')); } }));
  await assert.rejects(endless, /enough/);
  await assert.rejects(remote.sample(request(remote, 1, { signal: AbortSignal.abort(new Error('before')) })), /before/);
});

test('what the sampler refuses is refused with its own words', async () => {
  const refusal = async (policy: TokenPolicy, prompt: number[]): Promise<object> => {
    const error = await policy.sample(request(policy, 1, { prompt })).then(() => assert.fail('it was sampled'), (error: unknown) => error);
    assert.ok(error instanceof TuningForkError);
    return { code: error.code, message: error.message, next: error.next };
  };
  for (const prompt of [[], [5000], [-1], [1.5], Array.from({ length: 1024 }, () => 5)]) assert.deepEqual(await refusal(remote, prompt), await refusal(direct, prompt));
});

test('an unknown checkpoint, a wrong token and a dead trainer are told', async () => {
  const lost = await trainerPolicy(trainer.address, { checkpoint: 'lost' });
  await assert.rejects(lost.sample(request(lost, 1)), (error: TuningForkError) => error.code === 'trainer' && /no checkpoint "lost"/.test(error.message));
  await lost.close();
  await assert.rejects(trainerPolicy({ ...trainer.address, token: 'wrong' }), (error: TuningForkError) => error.code === 'auth');
  await assert.rejects(trainerPolicy({ url: 'http://127.0.0.1:1', token: '' }), (error: TuningForkError) => error.code === 'trainer-gone');
});
