import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { comparePasses, figuresOf, readPass, readPasses } from '../../../runtime/training/passes.ts';
import { call, folder, newRun, rollout } from '../trace/samples.ts';

/** Two calls of 24 tokens, at one temperature. */
function rolled(task: number, sample: number, reward: number, more: Partial<RolloutRecord> & { temperature?: number } = {}): RolloutRecord {
  const { temperature = 1, ...rest } = more;
  const sampling = { temperature, topP: 1, topK: 0, maxTokens: 256 };
  return rollout(sample, 0, 0, {
    rollout: `s0t${task}n${sample}`, taskIndex: task, taskId: `task-${task}`, sample, split: 'validation', task: { mainQuery: `question ${task}` },
    reward, success: reward === 1, calls: [call(0, undefined, 24, { sampling }), call(1, undefined, 24, { sampling, finish: 'stop' })], ...rest,
  });
}

/** What must fail before its first call. */
const failed: Partial<RolloutRecord> = { status: 'failed', reward: null, success: null, calls: [] };

async function stored(context: TestContext, records: readonly RolloutRecord[], kind: 'rollout' | 'training' = 'rollout'): Promise<string> {
  const writer = await createRun(await folder(context), newRun({ kind }));
  for (const record of records) await writer.seal({ ...record, run: writer.info.run });
  await writer.updateRun({ state: 'finished' });
  await writer.close();
  return writer.dir;
}

const close = (actual: number | null | undefined, expected: number): void => assert.ok(Math.abs(actual! - expected) < 1e-9, `${actual} is not ${expected}`);

test('the figures of a stored run, as computed by hand', async (context) => {
  const rewards = [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]];
  const records = rewards.flatMap((task, index) => task.map((reward, sample) => rolled(index, sample, reward)));
  // Out of order, as they end: 12 rollouts, 10 s from the first start to the last end.
  records[0] = { ...records[0]!, started: '2026-11-20T09:00:00.000Z', calls: records[0]!.calls.with(1, { ...records[0]!.calls[1]!, finish: 'length' }) };
  for (let index = 1; index < records.length; index++) records[index] = { ...records[index]!, started: '2026-11-20T09:00:08.000Z', duration: 2_000 };
  records[5] = { ...records[5]!, calls: records[5]!.calls.map((one) => ({ ...one, malformed: 'No JSON.' })) };
  const figures = figuresOf((await readPasses(await stored(context, records.toReversed())))[0]!);
  close(figures.reward!.mean, 6 / 12);
  close(figures.success!.mean, 6 / 12);
  close(figures.passAt['1'], (2 / 4 + 0 + 1) / 3);
  // 1 - C(2, 2) / C(4, 2) for the first task.
  close(figures.passAt['2'], (1 - 1 / 6 + 0 + 1) / 3);
  close(figures.passAt['4'], (1 + 0 + 1) / 3);
  assert.deepEqual(Object.keys(figures.passAt), ['1', '2', '4']);
  assert.deepEqual([figures.tasks, figures.repeats, figures.rollouts, figures.failed, figures.lost], [3, 4, 12, 0, 0]);
  close(figures.truncated, 1 / 24);
  close(figures.malformed, 2 / 24);
  close(figures.tokensPerAnswer, 24);
  close(figures.tokensPerSecond, (24 * 24) / 10);
  // Tasks are drawn anew, not rollouts: all three may be the one that is always wrong, or the one that is always right.
  assert.deepEqual([figures.reward!.low, figures.reward!.high], [0, 1]);
});

test('one rollout a task: success has Wilson\'s interval', async (context) => {
  const figures = figuresOf((await readPasses(await stored(context, [1, 0, 1].map((reward, task) => rolled(task, 0, reward)))))[0]!);
  const [n, p, z] = [3, 2 / 3, 1.959963984540054];
  const root = z * Math.sqrt((p * (1 - p) + z ** 2 / (4 * n)) / n);
  close(figures.success!.mean, p);
  close(figures.success!.low, (p + z ** 2 / (2 * n) - root) / (1 + z ** 2 / n));
  close(figures.success!.high, (p + z ** 2 / (2 * n) + root) / (1 + z ** 2 / n));
});

test('what the agent itself failed counts as 0, what happened to it is left out, what was cancelled was not', async (context) => {
  const dir = await stored(context, [
    rolled(0, 0, 1), rolled(1, 0, 0, { ...failed, error: { code: 'rollout-threw', message: 'x' } }),
    rolled(2, 0, 0, { ...failed, error: { code: 'rollout-crashed', message: 'x' } }),
    rolled(3, 0, 0, { ...failed, status: 'cancelled', error: { code: 'rollout-cancelled', message: 'x' } }),
  ]);
  const [pass, ...others] = await readPasses(dir);
  assert.deepEqual(others, []);
  const figures = figuresOf(pass!);
  assert.deepEqual([figures.tasks, figures.rollouts, figures.failed, figures.lost], [3, 3, 1, 1]);
  close(figures.reward!.mean, 1 / 2);
  close(figures.success!.mean, 1 / 2);
});

test('the last validation of a training is read as its greedy and its sampled pass', async (context) => {
  const validation = (step: number, reward: number): RolloutRecord[] => [0, 1, 2].map((sample) => rolled(0, sample, reward, { rollout: `v${step}t0n${sample}`, step, temperature: sample === 0 ? 0 : 0.8 }));
  const training = rolled(0, 0, 1, { rollout: 's9t0n0', step: 9, split: 'training' });
  const passes = await readPasses(await stored(context, [...validation(0, 0), ...validation(5, 1), training], 'training'));
  assert.deepEqual(passes.map(({ temperature, records }) => [temperature, records.map((record) => record.rollout)]), [[0, ['v5t0n0']], [0.8, ['v5t0n1', 'v5t0n2']]]);
});

test('a run without validation rollouts can\'t be compared with', async (context) => {
  const dir = await stored(context, [rolled(0, 0, 1, { split: 'training' })]);
  await assert.rejects(readPasses(dir), { code: 'usage', message: /holds no rollouts on validation tasks/ });
});

test('two passes side by side: on the tasks both have, task by task', async (context) => {
  const pass = async (rewards: (number | null)[], more: Partial<RolloutRecord> = {}) => readPass(await stored(context, rewards.flatMap((reward, task) => (reward === null ? [] : [rolled(task, 0, reward, more)]))), 1);
  //                        became right, stayed, became wrong, stayed wrong, only there, only here
  const before = await pass([0, 1, 1, 0, 1, null]);
  const after = await pass([1, 1, 0, 0, null, 1]);
  const comparison = comparePasses(before, after)!;
  assert.deepEqual([comparison.gained, comparison.spoiled], [['task-0'], ['task-2']]);
  assert.deepEqual([comparison.before.tasks, comparison.after.tasks], [4, 4]);
  close(comparison.before.reward!.mean, 0.5);
  close(comparison.reward!.mean, 0);
  assert.ok(comparison.reward!.low < 0 && comparison.reward!.high > 0);
  close(comparison.passAt['1'], 0);
  // The same name over another question is another task.
  assert.equal(comparePasses(before, await pass([1, 1, 1, 1, 1], { task: { mainQuery: 'something else' } })), null);
});

test('a task flips where at least half of its rollouts solve it, and did not before', async (context) => {
  const pass = async (tasks: number[][]) => readPass(await stored(context, tasks.flatMap((rewards, task) => rewards.map((reward, sample) => rolled(task, sample, reward)))), 1);
  const before = await pass([[0, 0, 0, 1], [1, 1, 0, 0], [1, 1, 1, 1]]);
  const after = await pass([[0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, 1]]);
  const { gained, spoiled, reward, passAt } = comparePasses(before, after)!;
  assert.deepEqual([gained, spoiled], [['task-0'], ['task-1']]);
  close(reward!.mean, (0.25 - 0.25 - 0.5) / 3);
  // 1 - C(3, 2)/C(4, 2) = 1/2 and 1 - C(2, 2)/C(4, 2) = 5/6.
  close(passAt['2'], (5 / 6 + 1 / 2 + 5 / 6 - (1 / 2 + 5 / 6 + 1)) / 3);
});
