import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRecord } from '../../../runtime/protocol/trace.ts';
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { promptIds } from '../../../runtime/trace/index.ts';
import { sampledPlaces, timelineOf } from '../../../runtime/view/timeline.ts';
import { vocabularyOf } from '../../../runtime/view/vocabulary.ts';

function call(index: number, tokens: CallRecord['tokens'], more: Partial<CallRecord> = {}): CallRecord {
  return {
    index, id: `c${index}`, role: 'solver', target: true, policy: 'p', version: 0, start: 0, duration: 1,
    sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 9 }, history: { from: null, add: [] }, reply: { role: 'assistant', content: '' },
    finish: 'stop', continuation: 'start', tokens, usage: { prompt: 0, completion: tokens?.sampled.length ?? 0, cached: 0 }, ...more,
  };
}

/** All tokens from the root to the end of a segment. */
function pathTo(timeline: Timeline, segment: number | null): number[] {
  if (segment === null) return [];
  const { from, to, parent } = timeline.segments[segment]!;
  return [...pathTo(timeline, parent), ...timeline.id.slice(from, to)];
}

function logprobOf({ segment, segments, logprob, again }: Timeline, call: number, token: number): number {
  const { from, call: first } = segments[segment[token]!]!;
  if (first === call) return logprob[token]!;
  return again.find((one) => one.segment === segment[token] && one.call === call)!.logprob[token - from]!;
}

test('random calls: the way to each answer is what the policy saw and sampled, and sampled tokens are told from context', () => {
  let state = 3;
  const next = (below: number): number => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
  const some = (most: number): number[] => Array.from({ length: 1 + next(most) }, () => next(3));
  for (let round = 0; round < 300; round++) {
    const calls: CallRecord[] = [];
    for (let index = 0; index < 1 + next(6); index++) {
      const from = index > 0 && next(3) > 0 ? next(index) : null;
      const sampled = some(4);
      calls.push(call(index, { from, tail: some(5), sampled, logprobs: sampled.map(() => -1 - next(50)) }));
    }
    const timeline = timelineOf('r', { calls }, undefined);
    let distinct = 0;
    for (const { from, to } of timeline.segments) distinct += to - from;
    assert.equal(distinct, timeline.count, 'each token stands in one segment');
    for (const one of timeline.calls) {
      const { sampled } = calls[one.index]!.tokens!;
      assert.deepEqual(sampledPlaces(timeline, one).map((place) => timeline.id[place]), sampled);
      assert.deepEqual(sampledPlaces(timeline, one).map((place) => logprobOf(timeline, one.index, place)), calls[one.index]!.tokens!.logprobs, `round ${round}: each call has its own logprobs`);
      assert.deepEqual(pathTo(timeline, one.answer), [...promptIds({ calls }, one.index)!, ...sampled], `round ${round}, call ${one.index}`);
    }
    for (let i = 0; i < timeline.count; i++) {
      const segment = timeline.segments[timeline.segment[i]!]!;
      assert.ok(i >= segment.from && i < segment.to);
      assert.equal((timeline.flags[i]! & TOKEN.sampled) !== 0, segment.kind === 'answer');
      assert.equal(Number.isNaN(timeline.logprob[i]!), segment.kind !== 'answer', 'a logprob is where a token was sampled');
    }
  }
});

test('what two conversations have in common stands once', () => {
  const shared = [1, 2, 3, 4];
  const timeline = timelineOf('r', { calls: [call(0, { from: null, tail: [...shared, 5], sampled: [7] }), call(1, { from: null, tail: [...shared, 6], sampled: [8] })] }, undefined);
  assert.equal(timeline.count, shared.length + 2 + 2);
  assert.equal(timeline.calls[1]!.shared, shared.length);
});

test('messages begin at a special token with a role behind it; a role in a text does not', () => {
  const words = ['<|im_start|>', 'user', '\n', 'assistant', '<|im_end|>', 'hi'];
  const vocabulary = vocabularyOf({ model: { vocab: Object.fromEntries(words.map((word, id) => [word === '\n' ? 'Ċ' : word, id])) }, decoder: { type: 'ByteLevel' }, added_tokens: [0, 4].map((id) => ({ id, content: words[id]!, special: true })) });
  const { segments } = timelineOf('r', { calls: [call(0, { from: null, tail: [0, 1, 2, 5, 3, 2, 4, 2, 0, 3, 2], sampled: [5, 4] })] }, vocabulary);
  assert.deepEqual(segments.map(({ kind, role, from, to }) => [kind, role, from, to]), [['prompt', 'user', 0, 8], ['prompt', 'assistant', 8, 11], ['answer', 'assistant', 11, 13]]);
});

test('rank and entropy come from the recorded alternatives; a token that is not among them has no rank', () => {
  const half = Math.log(0.5);
  const quarter = Math.log(0.25);
  const { rank, entropy } = timelineOf('r', { calls: [call(0, { from: null, tail: [1], sampled: [7, 9], logprobs: [quarter, -9], top: { k: 2, ids: [5, 7, 5, 6], logprobs: [half, quarter, half, quarter] } })] }, undefined);
  assert.deepEqual([...rank], [0, 2, 0]);
  const expected = -(0.5 * half + 2 * 0.25 * quarter);
  assert.ok(Number.isNaN(entropy[0]!) && Math.abs(entropy[1]! - expected) < 1e-6);
});

test('a token is no target where its call has a reason', () => {
  const { flags, segments } = timelineOf('r', { calls: [call(0, { from: null, tail: [1], sampled: [2] }, { why: 'intervened' }), call(1, { from: 0, tail: [3], sampled: [4] })] }, undefined);
  assert.deepEqual([...flags].map((flag) => flag & (TOKEN.sampled | TOKEN.target)), [0, TOKEN.sampled, 0, TOKEN.sampled | TOKEN.target]);
  assert.deepEqual(segments.filter(({ kind }) => kind === 'answer').map(({ why }) => why), ['intervened', null]);
});

test('two roles that sampled the same: it is trained where it is for one of them, and each keeps what it knew', () => {
  const rival = call(0, { from: null, tail: [1], sampled: [7, 8, 9], logprobs: [-1, -2, -3] }, { role: 'rival', target: false });
  const runner = call(1, { from: null, tail: [1], sampled: [7, 8, 5], logprobs: [-4, -5, -6] }, { role: 'runner', version: 3 });
  const timeline = timelineOf('r', { calls: [rival, runner] }, undefined);
  assert.deepEqual(timeline.segments.slice(1).map(({ from, to, call: index, why }) => [Array.from(timeline.id.subarray(from, to)), index, why]), [[[7, 8], 0, null], [[9], 0, 'role-not-a-target'], [[5], 1, null]]);
  assert.deepEqual(timeline.again, [{ segment: 1, call: 1, logprob: Float32Array.of(-4, -5) }]);
  assert.deepEqual([...timeline.flags].map((flags) => (flags & TOKEN.target) !== 0), [false, true, true, false, true]);
});
