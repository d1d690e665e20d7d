import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layOut, pack, track, weigh } from '../../../runtime/tracker/index.ts';
import type { LayoutOptions, Nodes, Piece, TokenTree } from '../../../runtime/tracker/index.ts';
import { forest } from './forest.ts';

const MAX = 80;
const OPTIONS: { [name: string]: LayoutOptions } = {
  'one tree': { engine: { token: 1, pathPair: 0, treePair: 0 } },
  'between': { engine: { token: 1, pathPair: 0.01, treePair: 0.02 } },
  'bounded length': { engine: { token: 1, pathPair: 0, treePair: 0 }, maxTokens: MAX },
  'paths only': { engine: { token: 1, pathPair: 0, treePair: 0 }, trees: false },
};

/** What a token and those it sees say, oldest first. */
function textOf({ id, end }: Nodes, node: number, start = 0): number[] {
  const text: number[] = [];
  for (let j = start; j <= node; j++) if (node - start < end[j]!) text.push(id[j]!);
  return text;
}

function fits(tree: TokenTree): boolean {
  return tree.nodes.position.every((position) => position < MAX);
}

for (const [name, options] of Object.entries(OPTIONS)) {
  test(`random forests, ${name}: every target is in exactly one piece, its context unchanged`, () => {
    let pieceCount = 0;
    let treeCount = 0;
    for (let seed = 0; seed < 200; seed++) {
      const tree = track(forest(seed).calls);
      if (!fits(tree)) continue;
      const { pieces, cost } = layOut(tree, options);
      let next = 0;
      for (const { nodes, node, firstTarget } of pieces) {
        assert.equal(firstTarget, next, `seed ${seed}`);
        next += node.length;
        assert.ok(node.length > 0 && nodes.id.length <= (options.maxTokens ?? Infinity));
        for (const [i, at] of node.entries()) {
          const text = textOf(tree.nodes, tree.targets.node[firstTarget + i]!);
          assert.deepEqual(textOf(nodes, at), text, `seed ${seed}`);
          assert.equal(nodes.position[at], text.length - 1);
          assert.deepEqual(textOf(nodes, nodes.parent[at]!), text.slice(0, -1), 'the token that predicts it has the same context');
        }
        if (options.trees === false) assert.ok(nodes.end.every((end) => end === nodes.id.length), 'a path');
        const needed = new Set<number>();
        for (const at of node) for (let j = at; j !== -1; j = nodes.parent[j]!) needed.add(j);
        assert.equal(needed.size, nodes.id.length, 'nothing but targets and their context');
      }
      assert.equal(next, tree.targets.node.length, `seed ${seed}`);
      assert.ok(cost.chosen <= cost.rows && (options.maxTokens !== undefined || options.trees === false || cost.chosen <= cost.oneTree));
      pieceCount += pieces.length;
      treeCount++;
    }
    assert.ok(treeCount > 150 && (name === 'one tree' ? pieceCount <= treeCount : pieceCount > treeCount));
  });
}

test('what no target needs is left out', () => {
  const tree = track([
    { rollout: 'a', call: 0, prompt: [1, 2], sampled: [3], logprobs: [-1] },
    { rollout: 'a', call: 1, prompt: [1, 2, 3, 4, 5], sampled: [6], logprobs: [-1], why: 'undelivered' },
    { rollout: 'b', call: 0, prompt: [1, 7], sampled: [8], logprobs: [-1] },
  ]);
  const engine = { token: 1, pathPair: 0, treePair: 0 };
  assert.deepEqual([...layOut(tree, { engine }).pieces[0]!.nodes.id], [1, 2, 3, 7, 8]);
  const without = weigh(tree, ({ rollout }) => (rollout === 'b' ? 'over-long' : { advantage: 1, weight: 1 }));
  assert.deepEqual([...layOut(without, { engine }).pieces[0]!.nodes.id], [1, 2, 3]);
  assert.deepEqual(layOut(weigh(tree, () => 'no-spread'), { engine }), { pieces: [], cost: { chosen: 0, oneTree: 0, rows: 0 } });
});

test('random forests: packs of several trees keep every target, its context and its numbers', () => {
  let shared = 0;
  for (let seed = 0; seed < 100; seed++) {
    const pieces: Piece[] = [0, 1, 2].flatMap((k) => layOut(track(forest(seed * 3 + k).calls), OPTIONS.between!).pieces);
    for (const [k, { tree }] of pieces.entries()) tree.targets.oldLogprob.fill(-k);
    const { rows, length, nodes, targets } = pack(pieces);
    assert.equal(nodes.id.length, rows * length);
    shared += pieces.length - rows;
    let row = 0;
    for (const [k, piece] of pieces.entries()) {
      for (const [i, node] of piece.node.entries()) {
        const at = targets.node[row]!;
        const start = at - (at % length);
        const text = textOf(nodes, at, start);
        assert.deepEqual(text, textOf(piece.nodes, node), `seed ${seed}`);
        assert.deepEqual(textOf(nodes, start + nodes.parent[at]!, start), text.slice(0, -1));
        assert.deepEqual([targets.piece[row], targets.target[row]], [k, piece.firstTarget + i]);
        for (const name of ['sampledLogprob', 'oldLogprob', 'refLogprob', 'weight', 'up', 'down'] as const) {
          assert.equal(targets[name][row], piece.tree.targets[name][piece.firstTarget + i]);
        }
        row++;
      }
    }
    assert.equal(targets.node.length, row);
    const used = pieces.reduce((sum, piece) => sum + piece.nodes.id.length, 0);
    const padding = Array.from(nodes.end.keys()).filter((i) => nodes.end[i] === (i % length) + 1 && nodes.parent[i] === -1 && nodes.id[i] === 0);
    assert.ok(padding.length >= nodes.id.length - used, 'padding sees and shows nothing');
  }
  assert.ok(shared > 100, 'small pieces share rows');
  assert.deepEqual(pack([]).rows, 0);
});
