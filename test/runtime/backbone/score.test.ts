import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { Project } from './project.ts';

test('the weights that sampled a rollout give its tokens the logprobs they had; others are told apart, and what has no ids is refused', { timeout: 60_000 }, async () => {
  const project = await Project.make();
  const conf = await project.conf({ tasks: ['call', 'call 2'] });
  const run = await project.start(conf, { kind: 'rollout', model: 'embedded' });
  await run.end();
  const record = await (await openRunReader(run.dir)).read(0);
  const ask = (model: string) => run.client.request('score', { dir: run.dir, rollout: record.rollout, model });

  const { calls } = await ask('embedded');
  assert.deepEqual(calls.map(({ call }) => call), record.calls.map(({ index }) => index));
  for (const { call, logprobs } of calls) {
    const sampled = record.calls[call]!.tokens!.logprobs!;
    assert.equal(logprobs.length, sampled.length);
    logprobs.forEach((logprob, i) => assert.ok(Math.abs(logprob - sampled[i]!) < 1e-4, `token ${i} of call ${call}: ${logprob}, sampled with ${sampled[i]}`));
  }
  await assert.rejects(ask('/nowhere'), /no weights in \/nowhere/);
  await assert.rejects(run.client.request('score', { dir: run.dir, rollout: 'none', model: 'embedded' }), /no rollout none/i);
});
