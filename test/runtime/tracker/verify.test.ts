import assert from 'node:assert/strict';
import { test } from 'node:test';
import { track, verify } from '../../../runtime/tracker/index.ts';
import type { TokenTree, TrackedCall } from '../../../runtime/tracker/index.ts';
import { dice, forest } from './forest.ts';
import type { Dice } from './forest.ts';

type Column = Int32Array | Float32Array | Float64Array;

/** Harm one copy; false where this tree has nothing to harm. */
type Plant = (tree: TokenTree, d: Dice) => boolean | void;

const bump = (column: Column, at: number, by = 1): void => void (column[at] = column[at]! + by);
const shift = (column: Column): void => void column.set(column.slice(0, -1), 1);
const someTarget = ({ targets }: TokenTree, d: Dice): number => d.roll(targets.node.length);
const trainedToken = ({ targets }: TokenTree, d: Dice): number => d.pick([...targets.tokens]);
const without = <T extends Column>(column: T, row: number): T => column.filter((_: number, i: number) => i !== row) as T;
const edit = <T extends object>(object: T, change: Partial<T>): void => void Object.assign(object, change);

const bugs: { [name: string]: Plant } = {
  'all token ids shifted by one': ({ nodes }) => new Set(nodes.id).size > 1 && shift(nodes.id),
  'one wrong token id': ({ nodes }, d) => bump(nodes.id, d.roll(nodes.id.length), 100),
  'wrong parent': ({ nodes }, d) => {
    const node = 1 + d.roll(nodes.id.length - 1);
    nodes.parent[node] = nodes.parent[node] === 0 ? -1 : 0;
  },
  'position counted over the layout, not down the tree': ({ nodes }) => {
    if (nodes.position.every((position, i) => position === i)) return false;
    nodes.position.set([...nodes.position.keys()]);
  },
  'a subtree that ends too late, so that a branch sees its neighbour': ({ nodes }, d) => {
    const ending = [...nodes.end.keys()].filter((i) => nodes.end[i]! < nodes.end.length);
    return ending.length > 0 && bump(nodes.end, d.pick(ending));
  },
  'a subtree that ends too early, so that context is hidden': ({ nodes }, d) => bump(nodes.end, d.roll(nodes.end.length), -1),
  'all targets shifted by one node': ({ targets }) => void targets.node.forEach((_, t) => bump(targets.node, t)),
  'targets at the token that predicts instead of the one predicted': ({ nodes, targets }) => void targets.node.set(targets.node.map((node) => nodes.parent[node]!)),
  'a target at a prompt token': (tree, d) => void (tree.targets.node[someTarget(tree, d)] = 0),
  'logprobs shifted by one': ({ targets }) => new Set(targets.sampledLogprob).size > 1 && shift(targets.sampledLogprob),
  'a logprob of 0 for one that is missing': (tree, d) => void (tree.targets.sampledLogprob[someTarget(tree, d)] = 0.001),
  'a dropped target': ({ targets, sampled }, d) => {
    const dropped = d.roll(targets.node.length);
    const { begin, tokens, ...columns } = targets;
    for (const [name, column] of Object.entries(columns)) edit(targets, { [name]: without(column, dropped) });
    edit(targets, { begin: without(begin, dropped), tokens });
    sampled.target.forEach((target, token) => void (sampled.target[token] = target === dropped ? -1 : target > dropped ? target - 1 : target));
  },
  'a target that is no sampled token': ({ targets }) => {
    const { begin, tokens, ...columns } = targets;
    for (const [name, column] of Object.entries(columns)) edit(targets, { [name]: Object.getPrototypeOf(column).constructor.of(...column, column.at(-1)) });
    edit(targets, { begin: Int32Array.of(...begin, begin.at(-1)!), tokens });
  },
  'a sampled token that lost its target': (tree, d) => void (tree.sampled.target[trainedToken(tree, d)] = -1),
  'a sampled token that points at another target': (tree, d) => tree.targets.node.length > 1 && void (tree.sampled.target[trainedToken(tree, d)]! ^= 1),
  'a sampled token at another node': (tree, d) => bump(tree.sampled.node, d.roll(tree.sampled.node.length), -1),
  'a sampled token of another call': (tree, d) => bump(tree.sampled.call, d.roll(tree.sampled.call.length)),
  'a dropped reason': ({ calls }, d) => {
    const reasoned = calls.filter(({ why }) => why !== undefined);
    if (reasoned.length === 0) return false;
    edit(d.pick(reasoned), { why: undefined });
  },
  'another reason': ({ calls }, d) => {
    const call = d.pick(calls);
    edit(call, { why: call.why === 'no-spread' ? 'stale' : 'no-spread' });
  },
  'a target that has a reason too': ({ calls, sampled }) => {
    const call = calls.find(({ why, begin, end }) => why !== undefined && end > begin);
    if (call === undefined) return false;
    sampled.target[call.begin] = 0;
  },
  'a call that ends one token early': ({ calls, nodes }, d) => {
    const call = d.pick(calls);
    edit(call, { last: nodes.parent[call.last]! });
  },
  'rows of a call shifted by one': ({ calls }, d) => {
    const call = d.pick(calls);
    edit(call, { begin: call.begin + 1, end: call.end + 1 });
  },
  'a call of another rollout': ({ calls }, d) => edit(d.pick(calls), { rollout: 'someone else' }),
  'a call too few': ({ calls }) => void (calls as unknown[]).pop(),
  'up and down exchanged': ({ targets }) => {
    if (targets.up.every((up, t) => up === targets.down[t])) return false;
    edit(targets, { up: targets.down, down: targets.up });
  },
  'weight counted twice': (tree, d) => {
    const target = someTarget(tree, d);
    bump(tree.targets.weight, target, tree.targets.weight[target]);
  },
  'provenance exchanged': ({ targets }) => {
    if (targets.node.length < 2) return false;
    targets.tokens.reverse();
  },
  'a node that is in no call': ({ nodes }) => {
    const last = nodes.id.length;
    edit(nodes, { id: Int32Array.of(...nodes.id, 999), position: Int32Array.of(...nodes.position, 0), parent: Int32Array.of(...nodes.parent, -1), end: Int32Array.of(...nodes.end, last + 1) });
  },
};

for (const [name, plant] of Object.entries(bugs)) {
  test(`a planted bug is noticed: ${name}`, () => {
    let planted = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { calls } = forest(seed);
      const tree = track(calls);
      if (tree.targets.node.length === 0) continue;
      const harmed = structuredClone(tree);
      if (plant(harmed, dice(seed)) === false) continue;
      planted++;
      assert.notDeepEqual(verify(harmed, calls), [], `seed ${seed}`);
    }
    assert.ok(planted >= 15, `planted ${planted} times`);
  });
}

test('shared context that was not shared, targets that were not merged, children out of order are noticed', () => {
  const one: TrackedCall = { rollout: 'a', call: 0, prompt: [1], sampled: [2], logprobs: [-1] };
  const two: TrackedCall = { ...one, rollout: 'b' };
  const same = [one, two];

  const repeated = structuredClone(track(same));
  edit(repeated.nodes, { id: Int32Array.of(1, 2, 2), position: Int32Array.of(0, 1, 1), parent: Int32Array.of(-1, 0, 0), end: Int32Array.of(3, 2, 3) });
  edit(repeated.calls[1]!, { last: 2 });
  repeated.sampled.node[1] = 2;
  assert.match(verify(repeated, same).join(), /repeats token 2 of a sibling/);

  const unmerged = structuredClone(track([one, { ...two, logprobs: [-2] }]));
  unmerged.targets.sampledLogprob.fill(-1);
  unmerged.sampled.logprob.fill(-1);
  assert.match(verify(unmerged, same).join(), /repeats or precedes/);

  const fork = [one, { ...two, sampled: [3] }];
  const exchanged = track([{ ...one, rollout: 'b' }, { ...two, rollout: 'a', sampled: [3] }]);
  edit(exchanged.calls[0]!, { last: 2 });
  edit(exchanged.calls[1]!, { last: 1 });
  exchanged.sampled.node.reverse();
  exchanged.sampled.target.reverse();
  exchanged.targets.tokens.reverse();
  assert.match(verify(exchanged, fork).join(), /should stand before its sibling/);
});
