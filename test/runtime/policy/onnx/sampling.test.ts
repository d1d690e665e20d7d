import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenSampler, type Choice } from '../../../../runtime/policy/onnx/sampling.ts';
import { TokenRandom } from '../../../../runtime/policy/random.ts';

const size = 50;
const random = new TokenRandom(11n);
const logits = Float32Array.from({ length: size }, (_, id) => (random.uniform(id) - 0.5) * 8);
const choice = (some: Partial<Choice>): Choice => ({ temperature: 1, topP: 1, topK: 0, top: 0, ...some });

/** The distribution by the book: sort everything, cut, renormalise. */
function distribution({ temperature, topP, topK }: Choice): number[] {
  const weights = [...logits].map((logit) => Math.exp(logit / (temperature || 1)));
  const sum = (ids: number[]): number => ids.reduce((total, id) => total + weights[id]!, 0);
  let kept = weights.map((_, id) => id).sort((a, b) => weights[b]! - weights[a]!);
  if (topK > 0) kept = kept.slice(0, topK);
  let count = 1;
  while (sum(kept.slice(0, count)) < topP * sum(kept) && count < kept.length) count++;
  kept = kept.slice(0, count);
  return weights.map((weight, id) => kept.includes(id) ? weight / sum(kept) : 0);
}

for (const some of [{}, { temperature: 0.5 }, { temperature: 2, topP: 0.8 }, { topK: 5 }, { topK: 1 }, { topP: 0.3, topK: 8 }, { topP: 0 }, { topP: 0.999 }, { topK: 500 }]) {
  test(`draws from the distribution of ${JSON.stringify(some)}, and tells its logprobs`, () => {
    const wanted = distribution(choice(some));
    const sampler = new TokenSampler(size);
    const seen = new Float64Array(size);
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) {
      const { id, logprob } = sampler.choose(logits, choice(some), (draw + 0.5) / draws)!;
      seen[id]! += 1 / draws;
      assert.ok(Math.abs(Math.exp(logprob) - wanted[id]!) < 1e-6);
      assert.equal(logprob, Math.fround(logprob));
    }
    wanted.forEach((probability, id) => assert.ok(Math.abs(seen[id]! - probability) < 2 / draws, `${id}: ${seen[id]} for ${probability}`));
  });
}

test('alternatives are the likeliest first; those that cannot be sampled say so', () => {
  const sampler = new TokenSampler(size);
  const byLogit = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
  const free = sampler.choose(logits, choice({ top: 20 }), 0.5)!;
  assert.deepEqual(free.top!.ids, byLogit.slice(0, 20));
  assert.ok(free.top!.logprobs.every((logprob, rank) => rank === 0 || logprob <= free.top!.logprobs[rank - 1]!));
  const cut = sampler.choose(logits, choice({ top: 4, topK: 2 }), 0.5)!;
  assert.deepEqual(cut.top!.ids, byLogit.slice(0, 4));
  assert.deepEqual(cut.top!.logprobs.slice(2), [-9999, -9999]);
});

test('greedy takes the first of the largest, at the logprob of temperature 1', () => {
  const { id, logprob } = new TokenSampler(4).choose(Float32Array.of(0, 2, 2, 1), choice({ temperature: 0 }), 0.99)!;
  assert.equal(id, 1);
  assert.equal(logprob, Math.fround(Math.log(Math.exp(2) / (1 + 2 * Math.exp(2) + Math.E))));
});

test('logits that are not all finite are refused', () => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    for (const at of [0, 1, 2]) {
      const broken = Float32Array.of(1, 2, 3);
      broken[at] = bad;
      assert.equal(new TokenSampler(3).choose(broken, choice({}), 0.5), undefined, `${bad} at ${at}`);
    }
  }
});
