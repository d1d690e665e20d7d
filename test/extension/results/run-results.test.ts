import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunResults, WINDOW } from '../../../extension/results/run-results.ts';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { call, folder, newRun, rollout } from '../../runtime/trace/samples.ts';

const finished = (sample: number, reward: number | null, more: Partial<RolloutRecord> = {}): RolloutRecord =>
  rollout(sample, 2, 4, { reward, success: reward === null ? null : reward > 0.5, ...more });
const at = (line: number, more: object = {}): object => ({ site: { file: '/project/workflow.ts', line }, ...more });

test('rewards, calls by line and role, and rollouts to look at', async (context) => {
  const run = await createRun(await folder(context), newRun());
  const calls = [call(0, undefined, 4, at(7)), call(1, undefined, 6, at(9, { role: 'critic', finish: 'length', malformed: 'no }' }))];
  await run.seal(finished(0, 1, { calls }));
  await run.seal(finished(1, 0, { calls }));
  const failed = { status: 'failed', reward: null, success: null, error: { code: 'rollout-threw', message: 'The workflow threw Error: no', where: { file: '/project/workflow.ts', line: 9 } } } as const;
  await run.seal(finished(2, null, { calls: calls.slice(0, 1), ...failed }));
  const results = await RunResults.open(run.dir);
  const { reward, success, failed: failures, rollouts, best, worst, failure, sites, roles, looked, step } = await results.figures();
  assert.deepEqual(reward, { count: 2, mean: 0.5, deviation: Math.SQRT1_2 });
  assert.deepEqual([success, failures, rollouts, looked, step], [{ right: 1, of: 2 }, 1, 3, 3, undefined]);
  assert.deepEqual([best, worst, failure], ['s0t0n0', 's0t0n1', 's0t0n2']);
  const lines = sites.get('/project/workflow.ts')!;
  const { all, roles: by } = lines.get(7)!;
  assert.deepEqual([all.calls, all.sampled, all.truncated, all.logprobs.count, [...by.keys()]], [3, 12, 0, 12, ['solver']]);
  const logprobs = calls[0]!.tokens!.logprobs!.reduce((sum, logprob) => sum + logprob, 0);
  assert.ok(Math.abs(all.logprobs.sum - 3 * logprobs) < 1e-9);
  const second = lines.get(9)!;
  assert.deepEqual([second.all.truncated, second.all.malformed, second.failed, second.error], [2, 2, 1, failed.error.message]);
  assert.deepEqual([second.example.truncated, second.example.failed], [{ rollout: 's0t0n1', call: 1 }, { rollout: 's0t0n2' }]);
  assert.deepEqual([...roles].map(([role, figures]) => [role, figures.calls]), [['solver', 3], ['critic', 2]]);
  await run.close();
});

test('follows a run: calls of rollouts that go on count at once, and once only', async (context) => {
  const run = await createRun(await folder(context), newRun());
  const results = await RunResults.open(run.dir);
  const event = { run: 'r', seq: 1, time: 0 };
  const site = { file: '/project/workflow.ts', line: 7 };
  for (const index of [0, 1]) results.receive({ ...event, type: 'call', rollout: 's0t0n0', index, role: 'solver', prompt: 10, sampled: 4, duration: 1, site });
  const early = await results.figures();
  assert.deepEqual([early.rollouts, early.sites.get(site.file)!.get(7)!.all.calls], [0, 2]);
  const entry = await run.seal(finished(0, 1, { calls: [call(0, undefined, 4, at(7)), call(1, undefined, 4, at(7))] }));
  results.receive({ ...event, type: 'rollout-finished', entry });
  const { rollouts, sites, reward } = await results.figures();
  assert.deepEqual([rollouts, sites.get(site.file)!.get(7)!.all.calls, reward?.mean], [1, 2, 1]);
  await run.close();
});

test('of a training the newest whole step counts, and the validation apart', async (context) => {
  const run = await createRun(await folder(context), newRun({ kind: 'training' }));
  const sealed = (step: number, sample: number, reward: number, split: 'training' | 'validation' = 'training'): Promise<unknown> =>
    run.seal(finished(sample, reward, { step, split, rollout: `${split[0]}s${step}n${sample}` }));
  await sealed(0, 0, 0.1, 'validation');
  const results = await RunResults.open(run.dir);
  assert.deepEqual([(await results.figures()).reward?.mean, (await results.figures()).step], [0.1, undefined]);
  for (const sample of [0, 1]) await sealed(1, sample, sample);
  await sealed(2, 0, 1);
  await sealed(2, 0, 0.75, 'validation');
  const during = await results.figures();
  assert.deepEqual([during.step, during.reward?.mean, during.rollouts, during.validation], [1, 0.5, 2, { step: 2, reward: { count: 1, mean: 0.75, deviation: 0 } }]);
  await run.updateRun({ state: 'finished' });
  const after = await results.figures();
  assert.deepEqual([after.step, after.reward?.mean, after.total], [2, 1, 5]);
  await run.close();
});

test('of a large run only the newest records are opened', async (context) => {
  const run = await createRun(await folder(context), newRun());
  for (let sample = 0; sample < WINDOW + 50; sample++) await run.seal(rollout(sample, 1, 1, { reward: 1 }));
  const results = await RunResults.open(run.dir);
  const { looked, rollouts, reward, sites } = await results.figures();
  assert.deepEqual([looked, rollouts, reward?.count, sites.get('/project/math.ts')!.get(12)!.all.calls], [WINDOW, WINDOW + 50, WINDOW + 50, WINDOW]);
  await run.close();
});
