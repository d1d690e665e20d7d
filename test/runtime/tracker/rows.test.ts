import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toRows, track } from '../../../runtime/tracker/index.ts';
import { forest } from './forest.ts';

test('random forests: each trained token is in exactly one row of its rollout, in the context the policy saw', () => {
  for (let seed = 0; seed < 400; seed++) {
    const { calls, shown } = forest(seed);
    const rows = toRows(track(calls));
    let trained = 0;
    for (const [k, call] of calls.entries()) {
      const own = rows.filter((row) => row.rollout === call.rollout && row.calls.includes(call.call));
      const counts = call.why === undefined && call.logprobs !== undefined && call.sampled.length > 0;
      assert.equal(own.length, counts ? 1 : 0, `seed ${seed}`);
      if (!counts) continue;
      const row = own[0]!;
      const begin = shown[k]!.length;
      const end = begin + call.sampled.length;
      assert.deepEqual([...row.id.subarray(0, end)], [...shown[k]!, ...Array.from(call.sampled)]);
      assert.ok(row.mask.subarray(begin, end).every(Boolean) && row.promptLength <= begin);
      assert.deepEqual([...row.logprob.subarray(begin, end)], Array.from(call.logprobs!));
      const each = (value: number | ArrayLike<number>) => (typeof value === 'number' ? Array.from(call.sampled, () => value) : Array.from(value));
      assert.deepEqual([...row.advantage.subarray(begin, end)], each(call.advantage!));
      assert.deepEqual([...row.weight.subarray(begin, end)], each(call.weight!));
      trained += call.sampled.length;
    }
    assert.equal(rows.reduce((sum, { mask }) => sum + mask.filter(Boolean).length, 0), trained, `seed ${seed}: and no other token is`);
    for (const { mask, logprob, advantage, weight, promptLength } of rows) {
      assert.equal(mask.indexOf(1), promptLength);
      mask.forEach((one, i) => one || assert.deepEqual([logprob[i], advantage[i], weight[i]], [0, 0, 0]));
    }
  }
});

test('a conversation is one row, however its calls overlap', () => {
  const [row, ...others] = toRows(track([
    { rollout: 'a', call: 0, prompt: [1], sampled: [2, 3], logprobs: [-1, -1] },
    { rollout: 'a', call: 1, prompt: [1, 2, 3], sampled: [4], logprobs: [-1] },
    { rollout: 'a', call: 2, prompt: [1, 2], sampled: [3, 4], logprobs: [-1, -1] },
  ]));
  assert.deepEqual([row!.calls, [...row!.mask]], [[0, 1], [0, 1, 1, 1]]);
  assert.deepEqual(others.map(({ calls, mask }) => [calls, [...mask]]), [[[2], [0, 0, 1, 1]]]);
});
