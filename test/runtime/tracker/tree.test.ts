import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { track, verify, weigh } from 'tuning-fork/tracker';
import type { Nodes, TrackedCall } from 'tuning-fork/tracker';
import { dice, forest, shuffled } from './forest.ts';

const FORESTS = 400;

/** The one rule of what a token sees, written out. */
function visible({ end }: Nodes, i: number): number[] {
  return Array.from(end.keys()).filter((j) => j <= i && i < end[j]!);
}

test('the example of the package\'s tracker entry does what it says', () => {
  const tree = track([
    { rollout: 'a', call: 0, prompt: [1, 2, 3], sampled: [7, 8, 0], logprobs: [-0.1, -0.2, -0.3] },
    { rollout: 'a', call: 1, from: 0, prompt: [4, 5], sampled: [9, 0], logprobs: [-1.2, -0.1] },
    { rollout: 'b', call: 0, prompt: [1, 2, 3], sampled: [7, 6, 0], logprobs: [-0.1, -2.5, -0.4] },
  ]);
  assert.deepEqual([...tree.nodes.id], [1, 2, 3, 7, 8, 0, 4, 5, 9, 0, 6, 0]);
  assert.deepEqual([...tree.targets.node], [3, 4, 5, 8, 9, 10, 11]);
  assert.equal(tree.targets.weight[0], 2);
});

test('random forests: every sampled token is one target or has one reason, in exactly the context the policy saw', () => {
  const met = { merged: 0, branched: 0, reasons: new Set<string>() };
  for (let seed = 0; seed < FORESTS; seed++) {
    const { calls, shown } = forest(seed);
    const tree = track(calls);
    assert.deepEqual(verify(tree, calls), [], `seed ${seed}`);

    const { nodes, sampled, targets } = tree;
    const trained = new Set<number>();
    for (const [k, call] of calls.entries()) {
      const placed = tree.calls.find((one) => one.rollout === call.rollout && one.call === call.call)!;
      const why = call.why ?? (call.logprobs === undefined ? 'no-logprobs' : undefined);
      assert.equal(placed.why, why);
      assert.equal(placed.end - placed.begin, call.sampled.length);
      if (why !== undefined) met.reasons.add(why);
      for (let i = 0; i < call.sampled.length; i++) {
        const token = placed.begin + i;
        const node = sampled.node[token]!;
        assert.equal(nodes.id[node], call.sampled[i]);
        const context = visible(nodes, nodes.parent[node]!).map((j) => nodes.id[j]);
        assert.deepEqual(context, [...shown[k]!, ...Array.from(call.sampled).slice(0, i)], `seed ${seed}`);
        const target = sampled.target[token]!;
        assert.equal(target === -1, why !== undefined);
        if (target === -1) continue;
        assert.equal(targets.node[target], node);
        assert.equal(targets.sampledLogprob[target], call.logprobs![i]);
        trained.add(target);
      }
    }
    assert.deepEqual([...trained].sort((a, b) => a - b), [...targets.node.keys()], 'no target is anything but a sampled token');
    met.merged += targets.tokens.length - targets.node.length;
    met.branched += nodes.parent.filter((parent, i) => parent !== i - 1).length;
  }
  assert.ok(met.merged > 500 && met.branched > 1000 && met.reasons.size === 9, 'the forests hold what they promise');
});

test('sums of up, down and weight are those of the tokens one by one', () => {
  for (let seed = 0; seed < FORESTS; seed++) {
    const { calls } = forest(seed);
    const { targets } = track(calls);
    const naive = { weight: 0, up: 0, down: 0 };
    for (const call of calls) {
      if (call.why !== undefined || call.logprobs === undefined) continue;
      for (let i = 0; i < call.sampled.length; i++) {
        const weight = typeof call.weight === 'number' ? call.weight : call.weight![i]!;
        const advantage = typeof call.advantage === 'number' ? call.advantage : call.advantage![i]!;
        naive.weight += weight;
        naive.up += weight * Math.max(advantage, 0);
        naive.down += weight * Math.min(advantage, 0);
      }
    }
    for (const name of ['weight', 'up', 'down'] as const) {
      const sum = targets[name].reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - naive[name]) < 1e-9, `seed ${seed}: ${name}`);
    }
  }
});

test('the order in which calls arrive changes nothing, to the last bit', () => {
  for (let seed = 0; seed < 100; seed++) {
    const { calls } = forest(seed);
    assert.deepEqual(track(shuffled(calls, dice(seed + 1))), track(calls), `seed ${seed}`);
  }
});

test('whether a prompt is given whole or as what it adds changes nothing', () => {
  for (let seed = 0; seed < 100; seed++) {
    const { calls, shown } = forest(seed);
    const whole = calls.map((call, k) => ({ ...call, from: undefined, prompt: shown[k]! }));
    assert.deepEqual(track(whole), track(calls), `seed ${seed}`);
  }
});

test('weigh gives what track gives for calls with that credit', () => {
  const credit = (rollout: string, call: number) => (rollout === 'n1' ? 'no-spread' as const : { advantage: call - 1.5, weight: 0.25 });
  for (let seed = 0; seed < 100; seed++) {
    const { calls } = forest(seed);
    const plain = calls.map((call) => ({ ...call, advantage: undefined, weight: undefined }));
    const tree = track(plain);
    const before = structuredClone(tree);
    const weighed = weigh(tree, ({ rollout, call }) => credit(rollout, call));
    assert.deepEqual(tree, before, 'the tree given is left as it was');
    const credited = plain.map((call): TrackedCall => {
      const given = credit(call.rollout, call.call);
      if (call.why !== undefined || call.logprobs === undefined) return call;
      return typeof given === 'string' ? { ...call, why: given } : { ...call, ...given };
    });
    assert.deepEqual(verify(weighed, credited), [], `seed ${seed}`);
    assert.deepEqual(weighed.targets, track(credited).targets, `seed ${seed}`);
  }
});

test('weigh asks only about calls that have no reason yet', () => {
  const tree = track([
    { rollout: 'a', call: 0, prompt: [1], sampled: [2], logprobs: [-1], why: 'undelivered' },
    { rollout: 'a', call: 1, prompt: [1], sampled: [3], logprobs: [-1] },
  ]);
  const asked: number[] = [];
  const weighed = weigh(tree, ({ call }) => (asked.push(call), 'stale'));
  assert.deepEqual(asked, [1]);
  assert.deepEqual(weighed.calls.map(({ why }) => why), ['undelivered', 'stale']);
  assert.equal(weighed.targets.node.length, 0);
});

test('a long conversation, forked late and early, is one tree', () => {
  const d = dice(3);
  const calls = Array.from({ length: 500 }, (_, call): TrackedCall => {
    const sampled = Array.from({ length: 20 }, () => d.roll(1000));
    const from = call === 0 ? undefined : call % 50 === 0 ? d.roll(call) : call - 1;
    return { rollout: 'a', call, from, prompt: sampled.map((id) => id + 1), sampled, logprobs: sampled.map(() => -d.number()) };
  });
  const tree = track(calls);
  assert.equal(tree.nodes.id.length, 20_000);
  assert.deepEqual(verify(tree, calls), []);
});

test('no calls, calls without tokens and answers without tokens are trees too', () => {
  assert.equal(track([]).nodes.id.length, 0);
  const calls: TrackedCall[] = [
    { rollout: 'a', call: 0, prompt: [], sampled: [], why: 'no-token-ids' },
    { rollout: 'a', call: 1, prompt: [5, 6], sampled: [], logprobs: [] },
  ];
  const tree = track(calls);
  assert.deepEqual(verify(tree, calls), []);
  assert.deepEqual(tree.calls.map(({ last }) => last), [-1, 1]);
});

test('what makes no sense is refused with a sentence that names the call', () => {
  const call: TrackedCall = { rollout: 's0t1n2', call: 3, prompt: [1, 2], sampled: [3, 4], logprobs: [-1, -2] };
  const refused = (calls: TrackedCall[], code: string, sentence: RegExp): void => {
    assert.throws(() => track(calls), (error) => error instanceof TuningForkError && error.code === code && sentence.test(error.message), String(sentence));
  };
  refused([{ ...call, logprobs: [-1] }], 'usage', /call 3 of rollout s0t1n2 has 2 sampled tokens but 1 logprobs/);
  refused([{ ...call, logprobs: [-1, NaN] }], 'non-finite', /logprobs\[1\] of call 3 of rollout s0t1n2 is NaN/);
  refused([{ ...call, logprobs: [-Infinity, -1] }], 'non-finite', /logprobs\[0\]/);
  refused([{ ...call, logprobs: [-1, -9999] }], 'non-finite', /-9999/);
  refused([{ ...call, logprobs: [-1, 0.5] }], 'non-finite', /0.5/);
  refused([{ ...call, advantage: NaN }], 'non-finite', /advantage of call 3/);
  refused([{ ...call, advantage: [1] }], 'usage', /1 values in advantage/);
  refused([{ ...call, weight: 0 }], 'non-finite', /weight of call 3 .* above 0/);
  refused([{ ...call, weight: [1, Infinity] }], 'non-finite', /weight\[1\]/);
  refused([call, { ...call }], 'usage', /is there twice/);
  refused([{ ...call, prompt: [] }], 'usage', /no prompt/);
  refused([{ ...call, from: 1 }], 'usage', /continues call 1, which is not an earlier call/);
  refused([{ ...call, from: 3 }], 'usage', /continues call 3, which is not an earlier call/);
  refused([{ ...call, call: 1, rollout: 'other' }, { ...call, from: 1 }], 'usage', /continues call 1/);
  refused([{ ...call, call: 1, prompt: [], sampled: [], logprobs: [] }, { ...call, from: 1 }], 'usage', /has no tokens/);
  for (const id of [-1, 1.5, NaN, 2 ** 31, undefined as unknown as number]) {
    refused([{ ...call, prompt: [1, id] }], 'usage', /prompt\[1\] of call 3 .* no token id/);
    refused([{ ...call, sampled: [id, 4] }], 'usage', /sampled\[0\] of call 3 .* no token id/);
  }
  assert.doesNotThrow(() => track([{ ...call, why: 'role-not-a-target', logprobs: [NaN] }]), 'logprobs of what is not trained do not matter');
});
