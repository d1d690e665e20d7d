import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import { openOnnxPolicy, type OnnxOptions, type OnnxPolicy } from '../../../../runtime/policy/onnx/policy.ts';
import type { Sampled, SampleRequest } from '../../../../runtime/policy/policy.ts';
import { byteTokenizer, writeTinyModel, type TinyModel } from './tiny-models.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
after(async () => { for (const step of cleanUp.toReversed()) await step(); });

async function tiny(model: TinyModel): Promise<string> {
  const directory = await writeTinyModel(model);
  cleanUp.push(() => rm(directory, { recursive: true }));
  return directory;
}

async function open(directory: string, options: OnnxOptions = {}): Promise<OnnxPolicy> {
  const policy = await openOnnxPolicy(directory, options);
  cleanUp.push(() => policy.close());
  return policy;
}

const grouped = await tiny({ attention: 'grouped' });
const windowed = await tiny({ attention: 'windowed' });
const dense = await tiny({ attention: 'dense' });
const positionless = await tiny({ attention: 'positionless' });
const half = await tiny({ attention: 'dense', cache: 'float16' });

/** Every way to lay out a batch. */
const layouts = [['grouped', grouped, 'beside'], ['windowed', windowed, 'ragged'], ['dense', dense, 'padded'], ['positionless', positionless, 'equal'], ['half precision', half, 'padded']] as const;

/** Pseudo-random ids that differ from the first on. */
const prompt = (length: number, which: number): number[] => Array.from({ length }, (_, at) => (which * 37 + at * 101 + at * at * which) % 256);

function request(ids: number[], key: number, more: Partial<SampleRequest> & { maxTokens?: number; temperature?: number } = {}): SampleRequest {
  const { maxTokens = 40, temperature = 1, ...rest } = more;
  return { prompt: ids, key: BigInt(key), sampling: { temperature, topP: 1, topK: 0, maxTokens }, stopIds: new Set(), top: 3, ...rest };
}

const tokensOf = ({ ids, logprobs, top, finish }: Sampled): object => ({ ids, logprobs, top, finish });

async function codeOf(promise: Promise<unknown>): Promise<TuningForkError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof TuningForkError, String(error));
  return error;
}

function near(a: readonly number[], b: readonly number[], tolerance: number): void {
  assert.equal(a.length, b.length);
  a.forEach((value, at) => assert.ok(Math.abs(value - b[at]!) <= tolerance, `${value} and ${b[at]} at ${at}`));
}

for (const [name, directory, layout] of layouts) {
  test(`${name}: a sequence's tokens, logprobs and alternatives are the same alone and among 15 others, bit for bit`, async () => {
    const requests = Array.from({ length: 16 }, (_, which) => request(prompt(3 + which * 13, which), which, { maxTokens: 20 + which * 5 }));
    const alone = await open(directory), crowd = await open(directory);
    const apart: Sampled[] = [];
    for (const one of requests) apart.push(await alone.sample(one));
    const together = await Promise.all(requests.map((one) => crowd.sample(one)));
    assert.deepEqual(together.map(tokensOf), apart.map(tokensOf));
    const { steps, stepped } = crowd.stats();
    assert.equal(crowd.stats().layout, layout);
    if (name === 'grouped') assert.ok(stepped > 8 * steps, `${stepped} tokens in ${steps} steps`);
  });
}

test('grouped: it does not matter how a prompt is cut for prefill, nor how much of it was cached, nor the number of threads', async () => {
  const whole = await open(grouped, { prefillTokens: 10_000 });
  const lengths = [1, 2, 3, 17, 65, 129, 200];
  const wanted: object[] = [];
  for (const length of lengths) wanted.push(tokensOf(await whole.sample(request(prompt(length, length), length))));
  for (const options of [{ prefillTokens: 2 }, { prefillTokens: 17 }, { prefillTokens: 64 }, { threads: 2 }]) {
    const policy = await open(grouped, options);
    const got = await Promise.all(lengths.map((length) => policy.sample(request(prompt(length, length), length))));
    assert.deepEqual(got.map(tokensOf), wanted, JSON.stringify(options));
  }
  for (const part of [1, 15, 64, 65, 127, 198, 199]) {
    const policy = await open(grouped);
    await policy.sample(request(prompt(200, 200).slice(0, part), 1, { maxTokens: 1 }));
    const { cached, ...sampled } = await policy.sample(request(prompt(200, 200), 200));
    assert.equal(cached, part);
    assert.deepEqual(tokensOf({ cached, ...sampled }), wanted.at(-1), `${part} cached`);
    assert.equal(policy.stats().prefilled, 200);
  }
});

test('the layouts agree on what the same weights say', async () => {
  const first = await (await open(dense)).sample(request(prompt(50, 3), 3));
  const second = await (await open(positionless)).sample(request(prompt(50, 3), 3));
  assert.deepEqual(first.ids, second.ids);
  near(first.logprobs, second.logprobs, 1e-5);
});

test('weights in a file of their own are the same weights', async () => {
  const apart = await open(await tiny({ attention: 'grouped', apart: true }));
  assert.equal(apart.stats().layout, 'beside');
  assert.deepEqual(tokensOf(await apart.sample(request(prompt(50, 3), 3))), tokensOf(await (await open(grouped)).sample(request(prompt(50, 3), 3))));
});

for (const [name, directory] of layouts) {
  test(`${name}: the next turn prefills only what is new, and says what a fresh policy says`, async () => {
    const policy = await open(directory), fresh = await open(directory);
    const first = await policy.sample(request(prompt(60, 1), 1, { maxTokens: 25 }));
    assert.equal(policy.stats().prefilled, 60);
    const next = [...prompt(60, 1), ...first.ids, ...prompt(10, 2)];
    const second = await policy.sample(request(next, 2));
    assert.equal(policy.stats().prefilled, 60 + 1 + 10, 'the last sampled token was never fed');
    assert.equal(second.cached, 60 + 24);
    const wanted = await fresh.sample(request(next, 2));
    assert.deepEqual(second.ids, wanted.ids);
    near(second.logprobs, wanted.logprobs, name === 'half precision' ? 1e-2 : 1e-5);
  });
}

test('repeats of one prompt are prefilled once, whether they come together or later', async () => {
  const policy = await open(grouped);
  const repeats = await Promise.all(Array.from({ length: 8 }, (_, sample) => policy.sample(request(prompt(90, 5), sample))));
  assert.equal(policy.stats().prefilled, 90);
  assert.equal(new Set(repeats.map(({ ids }) => ids.join())).size, 8, 'each repeat has its own randomness');
  assert.deepEqual(tokensOf(await policy.sample(request(prompt(90, 5), 3))), tokensOf(repeats[3]!));
  assert.equal(policy.stats().prefilled, 90);
});

test('the cache keeps to its bytes, and a cache of none changes nothing but the work', async () => {
  const small = await open(grouped, { cacheBytes: 60_000 }), none = await open(grouped, { cacheBytes: 0 });
  for (let which = 0; which < 12; which++) {
    const one = request(prompt(70, which), which);
    assert.deepEqual(tokensOf(await small.sample(one)), tokensOf(await none.sample(one)));
    assert.ok(small.stats().cacheBytes <= 60_000);
  }
  await none.sample(request(prompt(70, 0), 0));
  assert.equal(none.stats().cacheBytes, 0);
  assert.equal(none.stats().prefilled, 13 * 70);
});

test('requests join a running batch and leave it: a short one that comes late ends long before a long one', async () => {
  const policy = await open(grouped, { maxBatch: 4 });
  const order: string[] = [];
  let late: Promise<unknown> | undefined;
  const long = policy.sample(request(prompt(20, 1), 1, {
    maxTokens: 400,
    onToken: () => { late ??= Promise.all([3, 4, 5, 6, 7].map((which) => policy.sample(request(prompt(30, which), which, { maxTokens: 5 })).then(() => order.push('short')))); },
  })).then(() => order.push('long'));
  await long;
  await late;
  assert.deepEqual(order, ['short', 'short', 'short', 'short', 'short', 'long']);
  assert.ok(policy.stats().steps < 400 + 25);
});

test('stop ids, onToken and maxTokens end an answer, and what ended it is in it', async () => {
  const policy = await open(grouped);
  const { ids } = await policy.sample(request(prompt(20, 9), 9));
  const stop = ids[10]!, at = ids.indexOf(stop);
  const stopped = await policy.sample(request(prompt(20, 9), 9, { stopIds: new Set([stop]) }));
  assert.deepEqual([stopped.ids, stopped.finish], [ids.slice(0, at + 1), 'stop']);
  const seen: number[] = [];
  const watched = await policy.sample(request(prompt(20, 9), 9, { onToken: (id) => seen.push(id) === 7 }));
  assert.deepEqual([watched.ids, watched.finish, watched.logprobs.length, watched.top!.ids.length], [ids.slice(0, 7), 'stop', 7, 21]);
  assert.deepEqual(seen, watched.ids);
  const short = await policy.sample(request(prompt(20, 9), 9, { maxTokens: 3 }));
  assert.deepEqual([short.ids, short.finish], [ids.slice(0, 3), 'length']);
});

test('an abort frees the slot at once and disturbs nobody', async () => {
  const policy = await open(grouped, { maxBatch: 2 });
  const wanted = tokensOf(await policy.sample(request(prompt(20, 2), 2)));
  const stop = new AbortController();
  const endless = policy.sample(request(prompt(20, 1), 1, { maxTokens: 490, signal: stop.signal, onToken: () => { stop.abort(new Error('enough')); } }));
  const beside = policy.sample(request(prompt(20, 2), 2));
  const waiting = policy.sample(request(prompt(20, 3), 3, { signal: AbortSignal.timeout(5_000) }));
  await assert.rejects(endless, /enough/);
  assert.deepEqual(tokensOf(await beside), wanted);
  await waiting;
  assert.equal(policy.stats().running, 0);
  assert.ok(policy.stats().sampled < 300);
  await assert.rejects(policy.sample(request(prompt(20, 1), 1, { signal: AbortSignal.abort(new Error('never')) })), /never/);
});

for (const [attention, directory] of [['grouped', grouped], ['windowed', windowed], ['dense', dense]] as const) {
  test(`${attention}: logits that are not numbers fail their own call only, and leave nothing behind`, async () => {
    const requests = Array.from({ length: 6 }, (_, which) => request(prompt(which === 0 ? 50 : 20 + which, which), which, { maxTokens: 12 }));
    const healthy = await open(directory);
    const [bad, ...good] = await Promise.all(requests.map((one) => healthy.sample(one)));
    const others = new Set([...good.flatMap(({ ids }) => ids), ...requests.flatMap((one) => one.prompt)]);
    const poison = bad!.ids.slice(2, -1).find((id) => !others.has(id))!;
    const policy = await open(await tiny({ attention, poison }));
    for (let round = 0; round < 2; round++) {
      const [failed, ...rest] = await Promise.allSettled([...requests, ...requests.slice(1)].map((one) => policy.sample(one)));
      assert.equal(failed!.status === 'rejected' && (failed!.reason as TuningForkError).code, 'non-finite');
      assert.deepEqual(rest.map((one) => one.status === 'fulfilled' ? tokensOf(one.value) : one.reason), [...good, ...good].map(tokensOf));
    }
  });
}

test('greedy takes the likeliest token', async () => {
  const policy = await open(grouped);
  const { ids, top, logprobs } = await policy.sample(request(prompt(12, 4), 4, { temperature: 0 }));
  ids.forEach((id, at) => {
    assert.equal(top!.ids[at * 3], id);
    assert.equal(top!.logprobs[at * 3], logprobs[at]);
    assert.equal(Math.fround(logprobs[at]!), logprobs[at]);
  });
});

test('a prompt that is too long, empty or of another tokenizer is refused with the next step', async () => {
  const policy = await open(await tiny({ attention: 'grouped', context: 100 }));
  const long = await codeOf(policy.sample(request(prompt(100, 1), 1)));
  assert.equal(long.code, 'context-length');
  assert.match(long.message, /100 tokens/);
  assert.equal((await codeOf(policy.sample(request([], 1)))).code, 'model-request');
  assert.match((await codeOf(policy.sample(request([1, 9999], 1)))).message, /9999/);
  const full = await policy.sample(request(prompt(90, 1), 1, { maxTokens: 1000 }));
  assert.deepEqual([full.ids.length, full.finish], [10, 'length']);
});

test('new weights are another version, and nothing cached survives them', async () => {
  const other = await tiny({ attention: 'grouped', seed: 2n });
  const policy = await open(grouped);
  const before = await policy.sample(request(prompt(40, 1), 1));
  const running = policy.sample(request(prompt(40, 2), 2, { maxTokens: 100 }));
  assert.equal(await policy.swap(other), 1);
  assert.equal((await running).version, 0);
  const after = await policy.sample(request(prompt(40, 1), 1));
  assert.deepEqual([before.version, after.version, after.cached], [0, 1, 0]);
  assert.notDeepEqual(after.ids, before.ids);
  assert.deepEqual(tokensOf(after), tokensOf(await (await open(other)).sample(request(prompt(40, 1), 1))));

  assert.equal(await policy.swap(await readFile(join(grouped, 'onnx', 'model.onnx'))), 2, 'from memory');
  assert.deepEqual(tokensOf(await policy.sample(request(prompt(40, 1), 1))), tokensOf(before));

  const endless = policy.sample(request(prompt(40, 3), 3, { maxTokens: 470 }));
  const dropped = codeOf(endless);
  await policy.swap(other, { waitMs: 0 });
  assert.match((await dropped).message, /weights changed/);
  assert.deepEqual(tokensOf(await policy.sample(request(prompt(40, 1), 1))), tokensOf(after));
});

test('closing refuses what runs and what comes', async () => {
  const policy = await openOnnxPolicy(grouped);
  const running = codeOf(policy.sample(request(prompt(20, 1), 1, { maxTokens: 400 })));
  await policy.close();
  assert.match((await running).message, /closed/);
  assert.match((await codeOf(policy.sample(request(prompt(20, 1), 1)))).message, /closed/);
  await policy.close();
});

test('a directory that is not a decoder says which file is wrong', async () => {
  const directory = await tiny({ attention: 'grouped' });
  const graph = join(directory, 'onnx', 'model.onnx');
  await writeFile(graph, 'nothing');
  assert.match((await codeOf(openOnnxPolicy(directory))).message, /no "past_key_values.0.key"/);
  await writeFile(graph, 'past_key_values.0.key input_ids attention_mask logits');
  const broken = await codeOf(openOnnxPolicy(directory));
  assert.match(broken.message, /cannot load the graph/);
  assert.equal(broken.where!.file, graph);
  await rm(graph);
  assert.equal((await codeOf(openOnnxPolicy(directory))).where!.file, graph);
  await writeFile(join(directory, 'onnx', 'model_q4.onnx'), '');
  assert.match((await codeOf(openOnnxPolicy(directory, { precision: 'fp16' }))).message, /the folder has model_q4\.onnx/);
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify({ ...byteTokenizer(), model: { type: 'Nonsense' } }));
  assert.match((await codeOf(openOnnxPolicy(directory))).message, /could not be read/);
  await rm(join(directory, 'tokenizer.json'));
  assert.match((await codeOf(openOnnxPolicy(directory))).message, /tokenizer is missing/);
  await writeFile(join(directory, 'config.json'), '{"num_attention_heads": 2}');
  assert.equal((await codeOf(openOnnxPolicy(directory))).where!.key, 'num_hidden_layers');
  await rm(join(directory, 'config.json'));
  assert.match((await codeOf(openOnnxPolicy(directory))).message, /no config\.json/);
});
