import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRecord, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { decodeRollout } from '../../../runtime/trace/decode.ts';
import { encodeRollout } from '../../../runtime/trace/encode.ts';
import { call, rollout } from './samples.ts';

function roundTrip(record: RolloutRecord): RolloutRecord {
  const decoded = decodeRollout(encodeRollout(record));
  assert.ok('value' in decoded, 'cause' in decoded ? decoded.cause : '');
  return decoded.value;
}

function withCall(more: Partial<CallRecord>): RolloutRecord {
  return rollout(0, 0, 0, { calls: [call(0, undefined, 4, more)] });
}

test('a record comes back as it was, floats bit for bit', () => {
  const record = rollout(1, 5, 40);
  record.calls[2]!.tokens!.top = { k: 2, ids: [...record.calls[2]!.tokens!.sampled, ...record.calls[2]!.tokens!.sampled], logprobs: Array(80).fill(Math.fround(-1.1)) };
  record.metadata['text'] = 'line\nfeed \u2028 \ud800 lone 💡';
  record.error = { code: 'tool', message: 'no', where: { file: 'a.ts', line: 1 } };
  const back = roundTrip(record);
  assert.deepEqual(back, record);
  for (const [i, { tokens }] of record.calls.entries()) {
    assert.deepEqual(Float32Array.from(back.calls[i]!.tokens!.logprobs!), Float32Array.from(tokens!.logprobs!));
  }
});

test('numbers are written short', () => {
  const record = withCall({});
  record.calls[0]!.tokens!.logprobs = [Math.fround(-0.1), Math.fround(-0.31725305), 0, -12.5];
  assert.match(encodeRollout(record), /"logprobs":\[-0\.1,-0\.31725305,0,-12\.5\]/);
});

test('absent log-probabilities stay absent', () => {
  const record = withCall({});
  delete record.calls[0]!.tokens!.logprobs;
  assert.ok(!('logprobs' in roundTrip(record).calls[0]!.tokens!));
});

const refusals: [name: string, change: (record: RolloutRecord) => void, code: string, says: RegExp][] = [
  ['NaN', (r) => r.calls[0]!.tokens!.logprobs![2] = NaN, 'non-finite', /Rollout s0t0n0 is not written: calls\[0\]\.tokens\.logprobs\[2\] is NaN/],
  ['-Infinity', (r) => r.calls[0]!.tokens!.logprobs![0] = -Infinity, 'non-finite', /logprobs\[0\] is -Infinity, not a finite float32/],
  ['too large for float32', (r) => r.calls[0]!.tokens!.logprobs![0] = -1e39, 'non-finite', /not a finite float32/],
  ['-0', (r) => r.calls[0]!.tokens!.logprobs![1] = -0, 'non-finite', /logprobs\[1\] is -0/],
  ['NaN reward', (r) => r.reward = NaN, 'non-finite', /reward is NaN, not a finite number/],
  ['Infinity deep in metadata', (r) => r.metadata['a'] = [{ b: Infinity }], 'non-finite', /metadata\.a\[0\]\.b is Infinity/],
  ['a bigint', (r) => r.metadata['a'] = 1n as never, 'trace', /metadata\.a is a bigint, which JSON cannot hold/],
  ['a cycle', (r) => r.metadata['a'] = r.metadata, 'trace', /nested deeper than 200/],
  ['too few log-probabilities', (r) => r.calls[0]!.tokens!.logprobs!.pop(), 'trace', /logprobs has 3 numbers for 4 sampled tokens/],
  ['a negative token id', (r) => r.calls[0]!.tokens!.tail[3] = -1, 'trace', /tokens\.tail\[3\] is -1, not a count/],
  ['a token id that is no integer', (r) => r.calls[0]!.tokens!.sampled[0] = 1.5, 'trace', /sampled\[0\] is 1\.5/],
  ['a top list of another length', (r) => r.calls[0]!.tokens!.top = { k: 2, ids: [1], logprobs: [-1] }, 'trace', /top has 1 ids and 1 numbers for 4 sampled tokens times 2/],
  ['a chain to itself', (r) => r.calls[0]!.tokens!.from = 0, 'trace', /tokens\.from is 0, not an earlier call than 0/],
  ['a chain into nothing', (r) => { r.calls[0]!.index = 5; r.calls[0]!.history.from = 3; }, 'trace', /history\.from is 3, and there is no such call/],
  ['two calls of one index', (r) => r.calls.push(call(0)), 'trace', /calls\[1\]\.index is 0, which an earlier call has already/],
  ['a missing field', (r) => delete (r as Partial<RolloutRecord>).started, 'trace', /started is missing \(a text\)/],
  ['an id with a slash', (r) => r.rollout = '../x', 'trace', /not 1 to 32 letters/],
];

for (const [name, change, code, says] of refusals) {
  test(`refused when written: ${name}`, () => {
    const record = withCall({});
    change(record);
    assert.throws(() => encodeRollout(record), (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      return true;
    });
  });
}

test('refused when read, in words', () => {
  const good = JSON.parse(encodeRollout(rollout(0))) as Record<string, unknown>;
  const cause = (more: Record<string, unknown> | unknown[] | string) => {
    const decoded = decodeRollout(typeof more === 'string' ? more : JSON.stringify(Array.isArray(more) ? more : { ...good, ...more }));
    return 'cause' in decoded ? decoded.cause : 'fine';
  };
  assert.equal(cause({}), 'fine');
  assert.equal(cause({ aNewerField: 1 }), 'fine');
  assert.match(cause('{"v":1'), /it is not JSON/);
  assert.match(cause([]), /the record is a list, not an object/);
  assert.match(cause({ v: 2 }), /written in version 2 of the trace format, and this Tuning Fork reads up to 1/);
  assert.match(cause({ calls: {} }), /calls is an object, not a list/);
  assert.match(cause({ status: 'done' }), /status is the text "done", not one of finished, failed, cancelled/);
  assert.match(cause({ calls: [{ index: 0 }] }), /calls\[0\]\.id is missing/);
});
