import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childrenOf, type Node } from '../../../../extension/debug/adapter/nodes.ts';
import { framesOf } from '../../../../extension/debug/adapter/frames.ts';
import { liveMoment } from '../../../../extension/debug/adapter/moment.ts';
import { scopesOf } from '../../../../extension/debug/adapter/scopes.ts';
import type { Stopped } from '../../../../runtime/protocol/stops.ts';

const sampling = { temperature: 1, topP: 1, topK: 0, maxTokens: 8 };

function held(ids: number[]): ReturnType<typeof liveMoment> {
  const stop: Stopped = {
    rollout: 's0t0n0', attempt: 1, task: 'a', sample: 0, on: 'call', points: [1], text: '', stack: [{ file: '/a/w.ts', line: 3, column: 5, key: 'W.execute' }],
    call: { rollout: 's0t0n0', role: 'solver', index: 0, messages: [{ role: 'user', content: 'hi' }], sampling, prompt: { ids, text: 'hi' } },
  };
  return liveMoment({ dir: '/runs/p/e/t', stop, edits: {}, words: (id) => (id < 3 ? `w${id}` : undefined) }, { calls: [], tools: [] });
}

const named = (nodes: Node[], name: string): Node => nodes.find((node) => node.name === name)!;

test('the call comes first, then the code that made it, then the turn and the episode', () => {
  assert.deepEqual(framesOf(held([])).map(({ name, hint, place }) => [name, hint, place?.line]), [
    ['model solver · call 0', 'normal', 3], ['W.execute', 'normal', 3], ['turn 1', 'label', undefined], ['episode a · s0', 'normal', 3],
  ]);
});

test('a hundred thousand tokens are made page by page, as text where it is known', () => {
  const moment = held(Array.from({ length: 100_000 }, (_, id) => id));
  const tokens = scopesOf(framesOf(moment)[0]!, moment).find(({ node }) => node.name === 'Tokens')!;
  assert.equal(tokens.expensive, true);
  const prompt = named(childrenOf(tokens.node), 'prompt');
  assert.equal(prompt.paged!.count, 100_000);
  assert.deepEqual(childrenOf(prompt, 1, 3).map(({ name, value }) => `${name} ${value}`), ['[1] "w1" · 1', '[2] "w2" · 2', '[3] 3']);
});

test('what is changed is shown changed, and wrong values are refused', () => {
  const moment = held([1]);
  const scope = (name: string): Node[] => childrenOf(scopesOf(framesOf(moment)[0]!, moment).find(({ node }) => node.name === name)!.node);
  named(scope('Sampling'), 'temperature').set!('0.5');
  assert.equal(named(scope('Sampling'), 'temperature').value, '0.5');
  for (const text of ['', 'hot', '-1', '1e9']) assert.throws(() => named(scope('Sampling'), 'temperature').set!(text), { code: 'usage' }, text);
  named(childrenOf(scope('Messages')[0]!), 'content').set!('"say \\"yes\\""');
  assert.deepEqual(moment.edits, { sampling: { temperature: 0.5 }, messages: [{ role: 'user', content: 'say "yes"' }] });
});
