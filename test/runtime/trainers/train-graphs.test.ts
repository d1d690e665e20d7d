import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decoderCost, layOut, pack, track } from '../../../runtime/tracker/index.ts';
import type { Pack, TokenTree, TrackedCall } from '../../../runtime/tracker/index.ts';

/**
 * The exported train step of the embedded policy on packs of our tracker, against what transformers' own model and PyTorch's own AdamW made
 * of the same calls one by one. The numbers are written by test/gpu/make_golden.py.
 */
interface Golden {
  objective: Record<string, number>;
  optimizer: Record<string, number>;
  calls: { prompt: number[]; sampled: number[]; advantage: number; weight: number; sampledLogprob: number[]; oldLogprob: number[]; refLogprob: number[] }[];
  /** Before each update: the loss, the gradient's norm in all and by weight, and the log-probability of each sampled token. */
  steps: { loss: number; norm: number; norms: Record<string, number>; logprobs: number[][] }[];
}

interface Description {
  size: number;
  parameters: { name: string; shape: number[]; offset: number }[];
  metrics: string[];
  graphs: Record<'grad' | 'apply' | 'score', { file: string; inputs: string[]; outputs: string[] }>;
}

const directory = new URL('../../../runtime/policy/embedded/onnx/', import.meta.url);
const described = readJson(new URL('train.json', directory)) as Description;
const golden = readJson(new URL('train-graphs.golden.json', import.meta.url)) as Golden;
const [grad, apply, score] = await Promise.all((['grad', 'apply', 'score'] as const).map((name) => (
  InferenceSession.create(fileURLToPath(new URL(described.graphs[name].file, directory)), { intraOpNumThreads: 1 }))));

const tree = trackedTree();
const linear = { token: 1, pathPair: 0, treePair: Infinity }, shared = decoderCost({ parameters: 870_000, layers: 4, width: 128, causalKernel: false });
const layouts = {
  'one row a path': [pack(layOut(tree, { engine: linear, trees: false }).pieces)],
  'a tree': [pack(layOut(tree, { engine: shared }).pieces)],
  'micro-batches of one sequence': layOut(tree, { engine: linear }).pieces.map((piece) => pack([piece])),
};

for (const [layout, packs] of Object.entries<Pack[]>(layouts)) {
  test(`${layout}: losses, gradients and logprobs of ${golden.steps.length} steps are those of a plain reference`, async () => {
    let state = { weights: madeUpWeights(), mean: zeros(), square: zeros() };
    for (const [index, wanted] of golden.steps.entries()) {
      let accumulated = zeros();
      let loss = 0;
      for (const one of packs) {
        const answer = await grad!.run({ weights: state.weights, accumulated, ...nodesOf(one), ...targetsOf(one), ...scalars(golden.objective) });
        accumulated = answer['gradients']!;
        loss += floats(answer['metrics']!)[described.metrics.indexOf('loss')]!;
        assertLogprobs(one, floats(answer['logprobs']!), wanted.logprobs, index);
        if (index === 0) {
          const again = await score!.run({ weights: state.weights, ...nodesOf(one), node: targetsOf(one)['node']!, ...scalars({ temperature: golden.objective['temperature']! }) });
          assert.deepEqual(again['logprobs']!.data, answer['logprobs']!.data, 'scoring computes what training does');
          assert.deepEqual(again['entropies']!.data, answer['entropies']!.data);
        }
      }
      assertNear(loss, wanted.loss, `loss of step ${index}`);
      if (index === 0) {
        for (const { name, shape, offset } of described.parameters) {
          const part = floats(accumulated).subarray(offset, offset + shape.reduce((a, b) => a * b));
          assertNear(Math.hypot(...chunkNorms(part)), wanted.norms[name]!, `gradient of ${name}`);
        }
      }
      const answer = await apply!.run({ ...state, gradients: accumulated, ...scalars({ ...golden.optimizer, step: index + 1 }) });
      assertNear(floats(answer['norm']!)[0]!, wanted.norm, `norm of step ${index}`);
      assert.equal(answer['applied']!.data[0], 1);
      state = { weights: answer['newWeights']!, mean: answer['newMean']!, square: answer['newSquare']! };
    }
  });
}

test('layouts are what they are called, and the tree saves tokens', () => {
  const { 'a tree': [one], 'one row a path': [rows], 'micro-batches of one sequence': single } = layouts;
  const branches = (some: Pack): boolean => some.nodes.parent.some((parent, i) => parent !== -1 && parent !== (i % some.length) - 1);
  assert.ok(branches(one!) && !branches(rows!) && single!.length > 3);
  assert.ok(one!.rows * one!.length < rows!.rows * rows!.length);
});

test('a gradient that is no number changes nothing, and says so', async () => {
  const state = { weights: madeUpWeights(), mean: zeros(), square: zeros() };
  const poisoned = new Float32Array(described.size).fill(0.1);
  poisoned[4321] = NaN;
  const answer = await apply!.run({ ...state, gradients: new Tensor('float32', poisoned, [described.size]), ...scalars(golden.optimizer) });
  assert.equal(answer['applied']!.data[0], 0);
  assert.deepEqual([answer['newWeights']!.data, answer['newMean']!.data, answer['newSquare']!.data], [state.weights.data, state.mean.data, state.square.data]);
});

function trackedTree(): TokenTree {
  const calls = golden.calls.map((call, index): TrackedCall => ({
    rollout: 'a', call: index, prompt: call.prompt, sampled: call.sampled, logprobs: call.sampledLogprob, advantage: call.advantage, weight: call.weight,
  }));
  const tree = track(calls);
  const { oldLogprob, refLogprob, begin, tokens } = tree.targets;
  for (let target = 0; target < oldLogprob.length; target++) {
    const { call, at } = sampledAt(tree, tokens[begin[target]!]!);
    oldLogprob[target] = golden.calls[call]!.oldLogprob[at]!;
    refLogprob[target] = golden.calls[call]!.refLogprob[at]!;
  }
  return tree;
}

function sampledAt({ sampled, calls }: TokenTree, token: number): { call: number; at: number } {
  const placed = calls[sampled.call[token]!]!;
  return { call: placed.call, at: token - placed.begin };
}

function assertLogprobs({ targets }: Pack, logprobs: Float32Array, wanted: number[][], step: number): void {
  for (const [i, target] of targets.target.entries()) {
    const { begin, tokens } = tree.targets;
    for (const token of tokens.subarray(begin[target], begin[target + 1])) {
      const { call, at } = sampledAt(tree, token);
      assertNear(logprobs[i]!, wanted[call]![at]!, `logprob ${at} of call ${call} at step ${step}`);
    }
  }
}

function nodesOf({ rows, length, nodes }: Pack): Record<string, Tensor> {
  return Object.fromEntries((['id', 'position', 'parent', 'end'] as const).map((name) => [name, new Tensor('int32', nodes[name], [rows, length])]));
}

function targetsOf({ targets }: Pack): Record<string, Tensor> {
  const shape = [targets.node.length];
  return {
    node: new Tensor('int32', targets.node, shape),
    ...Object.fromEntries((['sampledLogprob', 'oldLogprob', 'refLogprob'] as const).map((name) => [name, new Tensor('float32', targets[name], shape)])),
    ...Object.fromEntries((['weight', 'up', 'down'] as const).map((name) => [name, new Tensor('float64', targets[name], shape)])),
  };
}

function scalars(values: Record<string, number>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Tensor('float64', Float64Array.of(value), [])]));
}

/** The weights of test/gpu/make_golden.py. */
function madeUpWeights(): Tensor {
  const flat = new Float32Array(described.size);
  let state = 1;
  const isNorm = new Set(described.parameters.filter(({ name }) => name.endsWith('norm.weight')));
  for (const one of described.parameters) {
    const size = one.shape.reduce((a, b) => a * b);
    for (let i = one.offset; i < one.offset + size; i++) {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      flat[i] = (state / 2 ** 32 - 0.5) * 0.3 + (isNorm.has(one) ? 1 : 0);
    }
  }
  return new Tensor('float32', flat, [described.size]);
}

function zeros(): Tensor {
  return new Tensor('float32', new Float32Array(described.size), [described.size]);
}

function floats(tensor: Tensor): Float32Array {
  return tensor.data as Float32Array;
}

function* chunkNorms(values: Float32Array): Generator<number> {
  for (let i = 0; i < values.length; i += 1024) yield Math.hypot(...values.subarray(i, i + 1024));
}

function assertNear(actual: number, wanted: number, what: string): void {
  assert.ok(Math.abs(actual - wanted) <= 2e-4 * Math.max(Math.abs(wanted), 1e-2), `${what} is ${actual}, not ${wanted}`);
}

function readJson(file: URL): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
