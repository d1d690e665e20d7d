import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { added, allPaths, cheapestCut, decoderCost, oneTree, sequenceCost } from '../../../runtime/tracker/cost.ts';
import type { EngineCost, Paths } from '../../../runtime/tracker/cost.ts';
import { dice } from './forest.ts';

function priceOf({ length, shared }: Paths, begin: readonly number[], engine: EngineCost, maxTokens: number): number {
  return begin.reduce((sum, from, k) => {
    const to = begin[k + 1] ?? length.length;
    let { tokens, seen } = added(length[from]!, 0);
    for (let path = from + 1; path < to; path++) {
      tokens += length[path]! - shared[path]!;
      seen += added(length[path]!, shared[path]!).seen;
    }
    return sum + (tokens > maxTokens ? Infinity : sequenceCost(engine, { tokens, paths: to - from, seen }));
  }, 0);
}

test('the cheapest cut is the cheapest of all cuts', () => {
  const d = dice(7);
  let between = 0;
  for (let round = 0; round < 200; round++) {
    const length = Array.from({ length: d.roll(7) + 1 }, () => d.roll(60) + 5);
    const shared = length.map((one, i) => (i === 0 ? 0 : d.roll(Math.min(one, length[i - 1]!))));
    const pair = d.number() / 30;
    const engine = { token: 1, pathPair: d.chance(0.5) ? pair : pair / 2, treePair: pair, ...(d.chance(0.3) && { seenPair: pair }) };
    const maxTokens = d.chance(0.5) ? Infinity : Math.max(...length) + d.roll(80);
    let best = Infinity;
    for (let bits = 0; bits < 2 ** (length.length - 1); bits++) {
      const begin = [0, ...[...length.keys()].slice(1).filter((i) => bits & (1 << (i - 1)))];
      best = Math.min(best, priceOf({ length, shared }, begin, engine, maxTokens));
    }
    const cut = cheapestCut({ length, shared }, engine, maxTokens);
    assert.ok(Math.abs(cut.cost - best) < 1e-9 * best);
    assert.ok(Math.abs(priceOf({ length, shared }, cut.begin, engine, maxTokens) - best) < 1e-9 * best);
    if (cut.begin.length > 1 && cut.begin.length < length.length) between++;
  }
  assert.ok(between > 20, 'some of them lie between one tree and all paths');
});

test('a long shared prompt makes a tree, a wide tree of short prompts makes paths', () => {
  const engine = decoderCost({ parameters: 12 * 128 ** 2 * 4, layers: 4, width: 128, causalKernel: true });
  const group = (prompt: number, answer: number): Paths => ({ length: Array(8).fill(prompt + answer), shared: [0, ...Array(7).fill(prompt)] });
  const shared = group(400, 20);
  assert.deepEqual(cheapestCut(shared, engine).begin, [0]);
  assert.ok(oneTree(shared, engine).cost < allPaths(shared, engine).cost / 3);
  const wide = group(5, 400);
  assert.equal(cheapestCut(wide, engine).begin.length, 8);
  assert.equal(cheapestCut(wide, engine).cost, allPaths(wide, engine).cost);
  assert.ok(oneTree(wide, engine).cost > 2 * allPaths(wide, engine).cost);
});

test('where attention skips what branches do not see of each other, no tree is too wide', () => {
  const model = { parameters: 5e8, layers: 24, width: 896, causalKernel: true };
  const group: Paths = { length: Array<number>(16).fill(10_000), shared: [0, ...Array<number>(15).fill(8_000)] };
  assert.ok(cheapestCut(group, decoderCost(model)).begin.length > 1);
  const engine = decoderCost({ ...model, treeKernel: true });
  assert.deepEqual(cheapestCut(group, engine).begin, [0]);
  const pairs = 4 * 24 * 896 * (10_000 ** 2 / 2 + 15 * (2_000 * 8_000 + 2_000 ** 2 / 2));
  assert.equal(oneTree(group, engine).cost, 1e9 * 40_000 + pairs);
  assert.equal(oneTree({ length: [10_000], shared: [0] }, engine).cost, oneTree({ length: [10_000], shared: [0] }, decoderCost(model)).cost);
});

test('a conversation longer than a sequence may be is refused with the way out', () => {
  assert.throws(() => cheapestCut({ length: [10, 30], shared: [0, 5] }, { token: 1, pathPair: 1, treePair: 1 }, 20),
    (error) => error instanceof TuningForkError && error.code === 'context-length' && /30 tokens .* 20/.test(error.message) && error.next !== undefined);
  assert.deepEqual(cheapestCut({ length: [], shared: [] }, { token: 1, pathPair: 1, treePair: 1 }), { begin: [], cost: 0 });
});
