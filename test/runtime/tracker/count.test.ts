import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTokens, track } from '../../../runtime/tracker/index.ts';
import { forest } from './forest.ts';

/** AgentJet's merge, token mode, as its source says it: latest first, each takes in the earlier ones that it starts with. */
function agentJetTokens(timelines: number[][]): number {
  const latestFirst = timelines.toReversed();
  const absorbed = new Set<number>();
  for (let i = 0; i < latestFirst.length; i++) {
    if (absorbed.has(i)) continue;
    for (let j = i + 1; j < latestFirst.length; j++) {
      if (!absorbed.has(j) && latestFirst[j]!.every((id, k) => latestFirst[i]![k] === id)) absorbed.add(j);
    }
  }
  return latestFirst.reduce((sum, { length }, i) => sum + (absorbed.has(i) ? 0 : length), 0);
}

test('random forests: the counts are those of the plain rules', () => {
  for (let seed = 0; seed < 300; seed++) {
    const { calls, shown } = forest(seed);
    const counts = countTokens(track(calls));
    const timelines = Map.groupBy(calls.map((call, k) => ({ rollout: call.rollout, text: [...shown[k]!, ...Array.from(call.sampled)] })), ({ rollout }) => rollout);
    let naive = 0;
    let merged = 0;
    const distinct = new Set<string>();
    for (const one of timelines.values()) {
      const texts = one.map(({ text }) => text);
      naive += texts.reduce((sum, { length }) => sum + length, 0);
      merged += agentJetTokens(texts);
      for (const text of texts) for (let end = 1; end <= text.length; end++) distinct.add(text.slice(0, end).join(' '));
    }
    assert.deepEqual([counts.naive, counts.episodeMerge, counts.distinct], [naive, merged, distinct.size], `seed ${seed}`);
    const reasons = Object.values(counts.untrained).reduce((sum, tokens) => sum + tokens, 0);
    assert.equal(counts.sampled, counts.trained + reasons, `seed ${seed}: each sampled token is trained or has a reason`);
    assert.equal(counts.sampled, calls.reduce((sum, { sampled }) => sum + sampled.length, 0));
  }
});
