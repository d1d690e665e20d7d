import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { layOut, pack, track, weigh } from '../../../runtime/tracker/index.ts';
import { decodeScores, encodeScores, encodeStep, openPackBody, type WirePack } from '../../../runtime/trainers/packs.ts';
import { stepOf } from './world.ts';

const limits = { vocabulary: 100, context: 64, heads: 4, layers: 2 };

function smallPack(): WirePack {
  const tree = weigh(track([
    { rollout: 'a', call: 0, prompt: [1, 2, 3], sampled: [4, 5], logprobs: [-0.5, -0.25] },
    { rollout: 'b', call: 0, prompt: [1, 2, 3], sampled: [4, 6, 7], logprobs: [-0.5, -1, -2] },
  ]), ({ rollout }) => ({ advantage: rollout === 'a' ? 1 : -1, weight: 0.5 }));
  return pack(layOut(tree, { engine: { token: 1, pathPair: 0, treePair: 0 } }).pieces);
}

test('packs and request come back as they were', () => {
  const sent = smallPack();
  const request = stepOf({ version: 7 });
  const opened = openPackBody(encodeStep([sent, sent], request));
  assert.deepEqual(opened.request, request);
  const packs = opened.packs(limits);
  assert.equal(packs.length, 2);
  for (const { rows, length, nodes, targets } of packs) {
    assert.deepEqual([rows, length, nodes], [sent.rows, sent.length, sent.nodes]);
    const { piece: _piece, target: _target, ...wanted } = sent.targets as WirePack['targets'] & { piece: unknown; target: unknown };
    assert.deepEqual(targets, wanted);
  }
});

test('the same packs and request are the same bytes', () => {
  assert.deepEqual(encodeStep([smallPack()], stepOf()), encodeStep([smallPack()], stepOf()));
});

const damages: [string, (pack: WirePack) => void, RegExp][] = [
  ['an id beyond the vocabulary', ({ nodes }) => { nodes.id[2] = 100; }, /id of token 2 of row 0 in pack 0 is 100; .* 0 to 99/],
  ['a negative id', ({ nodes }) => { nodes.id[2] = -1; }, /is -1/],
  ['a position beyond the context', ({ nodes }) => { nodes.position[1] = 64; }, /position of token 1 .* context of 64/],
  ['a parent that comes later', ({ nodes }) => { nodes.parent[3] = 3; }, /parent of token 3 .* must stand before it/],
  ['a subtree that ends before its root', ({ nodes }) => { nodes.end[3] = 3; }, /ends at 3, not within 4/],
  ['a subtree that ends after the row', ({ nodes }) => { nodes.end[0] = 8; }, /ends at 8/],
  ['a subtree larger than its parent\'s', ({ nodes }) => { nodes.end[4] = 6; nodes.end[3] = 5; }, /ends after that of its parent 3/],
  ['a target that is no node', ({ targets }) => { targets.node[0] = 99; }, /Target 0 of pack 0 is at node 99/],
  ['a target at a root', ({ targets }) => { targets.node[0] = 0; }, /at a root, which nothing predicts/],
  ['an infinite logprob', ({ targets }) => { targets.sampledLogprob[1] = -Infinity; }, /"sampled" logprob of target 1/],
  ['a weight that is no number', ({ targets }) => { targets.weight[1] = NaN; }, /weight of target 1 of pack 0 is NaN/],
  ['a negative up', ({ targets }) => { targets.up[1] = -1; }, /"up" of target 1/],
  ['a positive down', ({ targets }) => { targets.down[1] = 1; }, /"down" of target 1/],
  ['too large a pack', (pack) => Object.assign(pack, bigPack(2, 4096)), /2 rows of 4096 tokens, whose attention takes 1024 MiB of at most 512/],
];

for (const [name, damage, wanted] of damages) {
  test(`refuses ${name} with the place`, () => {
    const pack = smallPack();
    damage(pack);
    const { packs } = openPackBody(encodeStep([pack], stepOf()));
    assert.throws(() => packs(limits), (error: unknown) => error instanceof TuningForkError && wanted.test(error.message), name);
  });
}

test('refuses a body without a request, without packs, or with half a pack', () => {
  const body = (change: (text: string) => string): Uint8Array => {
    const bytes = Buffer.from(encodeStep([smallPack()], stepOf()));
    return Buffer.from(change(bytes.toString('latin1')), 'latin1');
  };
  assert.throws(() => openPackBody(body((text) => text.replace('"request"', '"requesT"'))), /no "request"/);
  assert.throws(() => openPackBody(encodeStep([], stepOf())).packs(limits), /no packs/);
  assert.throws(() => openPackBody(body((text) => text.replace('0/parent', '0/pareNt'))).packs(limits), /"0\/parent" is missing/);
  assert.throws(() => openPackBody(body((text) => text.replaceAll('"I32"', '"F32"'))).packs(limits), /is F32 and must be I32/);
});

test('scores come back as they were', () => {
  const scores = { version: 3, packs: [{ logprob: Float32Array.of(-1, -2), entropy: Float32Array.of(0.5, 1) }, { logprob: new Float32Array(), entropy: new Float32Array() }] };
  assert.deepEqual(decodeScores(encodeScores(scores)), scores);
});

function bigPack(rows: number, length: number): Partial<WirePack> {
  const column = (): Int32Array => new Int32Array(rows * length);
  return { rows, length, nodes: { id: column(), position: column(), parent: column().fill(-1), end: column().map((_, i) => (i % length) + 1) } };
}
