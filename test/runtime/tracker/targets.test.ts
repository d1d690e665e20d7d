import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layOut, pack, track } from '../../../runtime/tracker/index.ts';
import type { TokenTree, TrackedCall } from '../../../runtime/tracker/index.ts';
import { forest, hashed } from './forest.ts';

const LOW = 0.2, HIGH = 0.28, DUAL = 3, TRUNCATE = 2, KL = 0.1, ENTROPY = 0.02;

/** Loss, and its derivative by the logprob and the entropy of each distinct context: what reaches the weights. */
interface Objective {
  loss: number;
  gradient: Map<string, number>;
}

interface Term {
  /** The context and, last, the token. */
  text: readonly number[];
  sampled: number;
  up: number;
  down: number;
  weight: number;
}

/** Clip, dual clip, truncated importance weight, k3 to a reference, entropy: in float64, with a made-up model. */
function objective(terms: Iterable<Term>): Objective {
  const result: Objective = { loss: 0, gradient: new Map() };
  for (const { text, sampled, up, down, weight } of terms) {
    const now = -4 * hashed(text, 2);
    const old = -4 * hashed(text, 3);
    const reference = -4 * hashed(text, 4);
    const ratio = Math.exp(now - old);
    const importance = Math.min(Math.exp(old - sampled), TRUNCATE);
    let loss = 0;
    let slope = 0;
    for (const advantage of [up, down]) {
      const free = ratio * advantage;
      const clipped = Math.min(Math.max(ratio, 1 - LOW), 1 + HIGH) * advantage;
      const bound = advantage < 0 ? DUAL * advantage : -Infinity;
      const gain = Math.max(Math.min(free, clipped), bound);
      loss -= importance * gain;
      if (gain === free) slope -= importance * free;
    }
    const k3 = Math.exp(reference - now) - (reference - now) - 1;
    loss += weight * (KL * k3 - ENTROPY * hashed(text, 5));
    slope += weight * KL * (1 - Math.exp(reference - now));
    result.loss += loss;
    const key = text.join(' ');
    result.gradient.set(key, (result.gradient.get(key) ?? 0) + slope);
  }
  return result;
}

function* naiveTerms(calls: readonly TrackedCall[], shown: readonly number[][]): Generator<Term> {
  for (const [k, call] of calls.entries()) {
    if (call.why !== undefined || call.logprobs === undefined) continue;
    for (let i = 0; i < call.sampled.length; i++) {
      const weight = typeof call.weight === 'number' ? call.weight : call.weight![i]!;
      const advantage = typeof call.advantage === 'number' ? call.advantage : call.advantage![i]!;
      // one advantage is one term: the other side stays empty
      yield {
        text: [...shown[k]!, ...Array.from(call.sampled).slice(0, i + 1)], sampled: call.logprobs[i]!,
        up: advantage > 0 ? weight * advantage : 0, down: advantage < 0 ? weight * advantage : 0, weight,
      };
    }
  }
}

function* treeTerms({ nodes, targets }: TokenTree): Generator<Term> {
  for (const [t, node] of targets.node.entries()) {
    const text: number[] = [];
    for (let j = 0; j <= node; j++) if (node < nodes.end[j]!) text.push(nodes.id[j]!);
    yield { text, sampled: targets.sampledLogprob[t]!, up: targets.up[t]!, down: targets.down[t]!, weight: targets.weight[t]! };
  }
}

function* packTerms(tree: TokenTree): Generator<Term> {
  const { pieces } = layOut(tree, { engine: { token: 1, pathPair: 0.02, treePair: 0.02 } });
  const { length, nodes, targets } = pack(pieces);
  for (const [t, node] of targets.node.entries()) {
    const start = node - (node % length);
    const text: number[] = [];
    for (let j = start; j <= node; j++) if (node - start < nodes.end[j]!) text.push(nodes.id[j]!);
    yield { text, sampled: targets.sampledLogprob[t]!, up: targets.up[t]!, down: targets.down[t]!, weight: targets.weight[t]! };
  }
}

function assertSame(actual: Objective, wanted: Objective, message: string): void {
  assert.ok(Math.abs(actual.loss - wanted.loss) <= 1e-12 * Math.max(1, Math.abs(wanted.loss)), `${message}: loss ${actual.loss}, not ${wanted.loss}`);
  assert.deepEqual([...actual.gradient.keys()].sort(), [...wanted.gradient.keys()].sort(), message);
  for (const [text, slope] of wanted.gradient) {
    assert.ok(Math.abs(actual.gradient.get(text)! - slope) <= 1e-12 * Math.max(1, Math.abs(slope)), `${message}: slope at ${text}`);
  }
}

test('the objective over merged targets is the objective over all sampled tokens, value and gradient', () => {
  let naive = 0;
  let merged = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { calls, shown } = forest(seed);
    const tree = track(calls);
    const wanted = objective(naiveTerms(calls, shown));
    assertSame(objective(treeTerms(tree)), wanted, `tree, seed ${seed}`);
    assertSame(objective(packTerms(tree)), wanted, `packs, seed ${seed}`);
    naive += tree.targets.tokens.length;
    merged += tree.targets.node.length;
  }
  assert.ok(merged < 0.9 * naive, 'much was merged');
});

test('merging tokens whose logprobs differ would not be exact, so they stay apart', () => {
  const call = { prompt: [1], sampled: [2] };
  const { targets, sampled } = track([
    { ...call, rollout: 'a', call: 0, logprobs: [-1], advantage: 1 },
    { ...call, rollout: 'b', call: 0, logprobs: [-0.5], advantage: -2, weight: 0.5 },
    { ...call, rollout: 'c', call: 0, logprobs: [-1], advantage: -3 },
  ]);
  assert.deepEqual(
    { node: [...targets.node], logprob: [...targets.sampledLogprob], up: [...targets.up], down: [...targets.down], weight: [...targets.weight] },
    { node: [1, 1], logprob: [-0.5, -1], up: [0, 1], down: [-1, -3], weight: [0.5, 2] },
  );
  assert.deepEqual([...sampled.target], [1, 0, 1]);
  assert.deepEqual([[...targets.begin], [...targets.tokens]], [[0, 1, 3], [1, 0, 2]], 'and each target names its tokens');
  assert.ok(targets.oldLogprob.every(Number.isNaN) && targets.refLogprob.every(Number.isNaN), 'nothing is known of what no trainer scored');
});
