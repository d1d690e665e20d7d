import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTokens, toRows, track, verify, weigh } from '../../../runtime/tracker/index.ts';
import type { TrackedCall } from '../../../runtime/tracker/index.ts';

/**
 * Cases that AgentJet's merge of timelines was run on, with its results where they are right and the right result where they are not.
 * S: system, U, T: user and tool turns, A: what the policy sampled; an answer ends with EOS.
 */
const EOS = 0, S = 10, S2 = 11, U = 20, T = 30, TX = 31, A = 40;

interface Given { rollout?: string; shown: number[]; sampled: number[]; logprobs?: number[] }

function given(...calls: Given[]): TrackedCall[] {
  return calls.map(({ rollout = 'a', shown, sampled, logprobs }, call) => ({ rollout, call, prompt: shown, sampled, logprobs: logprobs ?? sampled.map((id) => -id / 100) }));
}

/** Rows as text: a trained token stands in brackets. */
function rowsOf(calls: TrackedCall[]): string[] {
  const tree = track(calls);
  assert.deepEqual(verify(tree, calls), []);
  const rows = toRows(tree);
  const trained = rows.reduce((sum, { mask }) => sum + mask.filter(Boolean).length, 0);
  assert.equal(trained, countTokens(tree).trained, 'each sampled token is trained once');
  return rows.map(({ id, mask }) => Array.from(id, (one, i) => (mask[i] ? `[${one}]` : `${one}`)).join(' '));
}

const a1 = [A + 1, EOS], a2 = [A + 2, EOS], a3 = [A + 3, EOS];

test('linear, 3 turns: 3 timelines become 1', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, U], sampled: a1 },
    { shown: [S, U, ...a1, T], sampled: a2 },
    { shown: [S, U, ...a1, T, ...a2, T], sampled: a3 },
  )), ['10 20 [41] [0] 30 [42] [0] 30 [43] [0]']);
});

test('a fork at the tool result: 3 become 2, and the shared call is trained once', () => {
  const calls = given(
    { shown: [S, U], sampled: a1 },
    { shown: [S, U, ...a1, T], sampled: a2 },
    { shown: [S, U, ...a1, TX], sampled: a3 },
  );
  assert.deepEqual(rowsOf(calls), ['10 20 [41] [0] 30 [42] [0]', '10 20 41 0 31 [43] [0]']);
  assert.equal(track(calls).nodes.id.length, 10, 'and the tree holds the shared part once');
});

test('two agents with different system prompts: 4 become 2, one for each', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, U], sampled: a1 },
    { shown: [S2, U], sampled: a1 },
    { shown: [S, U, ...a1, T], sampled: a2 },
    { shown: [S2, U, ...a1, T], sampled: a3 },
  )), ['10 20 [41] [0] 30 [42] [0]', '11 20 [41] [0] 30 [43] [0]']);
});

test('one prompt, two different samples: kept apart', () => {
  assert.deepEqual(rowsOf(given({ shown: [S, U], sampled: a1 }, { shown: [S, U], sampled: a2 })), ['10 20 [41] [0]', '10 20 [42] [0]']);
});

test('thinking stripped from the history: both turns are trained, each in the context it had', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, U], sampled: [50, 51, ...a1] },
    { shown: [S, U, ...a1, T], sampled: a2 },
  )), ['10 20 [50] [51] [41] [0]', '10 20 41 0 30 [42] [0]']);
});

test('drift, [3, 4] against [34]: not merged', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, U], sampled: [3, 4] },
    { shown: [S, U, 34, T], sampled: a2 },
  )), ['10 20 [3] [4]', '10 20 34 30 [42] [0]']);
});

test('other tools, and so another prompt: not merged', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, 12, U], sampled: a1 },
    { shown: [S, 13, U, ...a1, T], sampled: a2 },
  )), ['10 12 20 [41] [0]', '10 13 20 41 0 30 [42] [0]']);
});

test('done right: empty content with different tool calls stays two answers (defect 2)', () => {
  assert.deepEqual(rowsOf(given(
    { shown: [S, U], sampled: [111] },
    { shown: [S, U, 222, T], sampled: a2 },
  )), ['10 20 [111]', '10 20 222 30 [42] [0]']);
});

test('done right: an answer sampled twice word for word is trained twice (defect 3)', () => {
  const twice = given({ shown: [S, U], sampled: a1 }, { shown: [S, U], sampled: a1 });
  assert.deepEqual(rowsOf(twice), ['10 20 [41] [0]', '10 20 [41] [0]']);
  const { targets } = track(twice);
  assert.deepEqual([[...targets.node], [...targets.weight]], [[2, 3], [2, 2]], 'in the tree as one target of twice the weight');
  const otherwise = track(given({ shown: [S, U], sampled: a1 }, { shown: [S, U], sampled: a1, logprobs: [-3, -4] }));
  assert.deepEqual([...otherwise.targets.node], [2, 2, 3, 3], 'or as two where they were sampled with other logprobs');
});

test('an end token the policy sampled is trained, the template behind it is not', () => {
  const header = [151644, 77091, 198];
  const row = toRows(track(given(
    { shown: header, sampled: [4, 3, 2, 151645], logprobs: [-0.4, -0.3, -0.2, -0.1] },
    { shown: [...header, 4, 3, 2, 151645, 1, 2, 3, 4], sampled: [9], logprobs: [-0.5] },
  )))[0]!;
  assert.deepEqual([...row.id], [151644, 77091, 198, 4, 3, 2, 151645, 1, 2, 3, 4, 9]);
  assert.deepEqual([...row.mask], [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1]);
  assert.deepEqual([...row.logprob], [0, 0, 0, -0.4, -0.3, -0.2, -0.1, 0, 0, 0, 0, -0.5].map(Math.fround));
});

test('done right: an end token the policy never sampled is context, also in a merged timeline (defect 4)', () => {
  const header = [151644, 77091, 198];
  const calls = given(
    { shown: header, sampled: [3, 2, 1], logprobs: [-0.3, -0.2, -0.1] },
    { shown: [...header, 3, 2, 1, 151645, 1, 2, 3, 4], sampled: [9], logprobs: [-0.5] },
  );
  const row = toRows(track(calls))[0]!;
  assert.deepEqual([...row.id], [151644, 77091, 198, 3, 2, 1, 151645, 1, 2, 3, 4, 9]);
  assert.deepEqual([...row.mask], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
  const finished = given({ rollout: 'b', shown: header, sampled: [3, 2, 1, 151645], logprobs: [-0.3, -0.2, -0.1, -0.7] });
  const both = track([...calls, ...finished]);
  assert.deepEqual(Array.from(both.targets.tokens.subarray(both.targets.begin[3], both.targets.begin[4]), (token) => both.calls[both.sampled.call[token]!]!.rollout), ['b'],
    'where another rollout did sample it, it is that one\'s target alone');
});

test('done right: logprobs that do not fit their tokens are refused, not cut to fit (defect 6)', () => {
  assert.throws(() => track(given({ shown: [S, U], sampled: a1, logprobs: [-1, -1, -1] })), /2 sampled tokens but 3 logprobs/);
});

test('done right: many branches are all kept, and in an order that depends on nothing but the calls (defect 10)', () => {
  const calls = given(...Array.from({ length: 200 }, (_, i) => ({ shown: [S, U], sampled: [1000 + i, EOS] })));
  const rows = rowsOf(calls);
  assert.equal(rows.length, 200);
  assert.deepEqual(rowsOf(calls.toReversed()), rows);
});

test('a call of a role that is no target, and one nobody received, are context at most', () => {
  const calls = given({ shown: [S, U], sampled: a1 }, { shown: [S, U, ...a1, T], sampled: a2 }, { shown: [S, U, ...a1, T], sampled: a3 });
  calls[0]!.why = 'role-not-a-target';
  calls[1]!.why = 'undelivered';
  assert.deepEqual(rowsOf(calls), ['10 20 41 0 30 [43] [0]']);
  assert.deepEqual(countTokens(track(calls)).untrained, { 'role-not-a-target': 2, 'undelivered': 2 });
});

test('one advantage a rollout reaches each of its tokens, in whichever branch', () => {
  const calls = given(
    { rollout: 'a', shown: [S, U], sampled: a1 }, { rollout: 'a', shown: [S, U, ...a1, T], sampled: a2 }, { rollout: 'a', shown: [S, U, ...a1, TX], sampled: a3 },
    { rollout: 'b', shown: [S, U], sampled: a1 },
  );
  const tree = weigh(track(calls), ({ rollout }) => ({ advantage: rollout === 'a' ? 2 : -1, weight: rollout === 'a' ? 0.25 : 0.5 }));
  assert.deepEqual([...tree.targets.up], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  assert.deepEqual([...tree.targets.down], [-0.5, -0.5, 0, 0, 0, 0]);
  for (const { rollout, mask, advantage, weight } of toRows(tree)) {
    assert.deepEqual([...advantage], Array.from(mask, (one) => one * (rollout === 'a' ? 2 : -1)).map((value) => value + 0));
    assert.deepEqual([...weight], Array.from(mask, (one) => one * (rollout === 'a' ? 0.25 : 0.5)));
  }
});
