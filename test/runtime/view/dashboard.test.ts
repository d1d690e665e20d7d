import assert from 'node:assert/strict';
import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { stampOf } from '../../../runtime/processes/stamp.ts';
import { checkDashboardParams } from '../../../runtime/protocol/dashboard-requests.ts';
import type { DashboardEvent } from '../../../runtime/protocol/dashboard.ts';
import { writeRunInfo } from '../../../runtime/trace/run-file.ts';
import { readRunInfo } from '../../../runtime/trace/index.ts';
import { Dashboard } from '../../../runtime/view/dashboard.ts';
import { MetricsFile } from '../../../runtime/view/metrics-file.ts';
import { addSteps, stepRow, writeTraining } from '../../webview/trainings.ts';
import { dice, folder } from '../trace/samples.ts';

const reader = { capabilities: [], language: 'en', act: async () => null };

test('rows come as columns: what is missing is NaN, validations stand by themselves', async (context) => {
  const dir = await writeTraining(await folder(context), { experiment: 'a', steps: 700 });
  await appendFile(join(dir, 'metrics.jsonl'), `${JSON.stringify(stepRow(701, dice(1), { kl: null }))}\n`);
  const dashboard = new Dashboard([join(dir, '../../..')], reader);
  const { count, step, figures: [reward, kl, total] } = await dashboard.requests.series({ dir, figures: ['rewardMean', 'kl', 'total'], from: 699 });
  assert.equal(count, 701);
  assert.deepEqual([...step], [700, 701]);
  const rows = (await readFile(join(dir, 'metrics.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as ReturnType<typeof stepRow>).filter(({ kind }) => kind === 'step');
  assert.equal(reward![0], Math.fround(rows[699]!.rewardMean!));
  assert.equal(total![1], Math.fround(rows[700]!.time.total));
  assert.equal(kl![1], NaN);
  const { evaluations } = await dashboard.requests.detail({ dir });
  assert.deepEqual(evaluations.map((row) => row.step), [0, 700]);
});

test('a torn line waits for its end, a damaged one hides only itself, and rows that are taken back are forgotten', async (context) => {
  const file = join(await folder(context), 'metrics.jsonl');
  const line = (step: number, rewardMean = step): string => `${JSON.stringify(stepRow(step, dice(step), { rewardMean }))}\n`;
  const metrics = new MetricsFile(join(file, '..'));
  assert.equal(await metrics.refresh(), false);
  const third = line(3);
  await writeFile(file, line(1) + line(2) + third.slice(0, 40));
  await metrics.refresh();
  assert.equal(metrics.count, 2);
  await appendFile(file, `${third.slice(40)}{"kind":"st\n${line(4)}`);
  await metrics.refresh();
  assert.deepEqual([...metrics.steps(0)], [1, 2, 3, 4]);
  assert.equal(metrics.anew, 0);
  // A training goes on from step 2: the file is cut, and written anew up to more than it was.
  await truncate(file, (line(1) + line(2)).length);
  await appendFile(file, line(3, 30) + line(4, 40) + line(5, 50) + line(6, 60));
  await metrics.refresh();
  assert.deepEqual([...metrics.figure('rewardMean', 0)], [1, 2, 30, 40, 50, 60]);
  assert.ok(metrics.anew > 0);
  const before = metrics.anew;
  await appendFile(file, line(6, 61));
  await metrics.refresh();
  assert.deepEqual([...metrics.figure('rewardMean', 4)], [50, 61]);
  assert.ok(metrics.anew > before);
});

test('rewards by step count every training rollout once, and the rollouts of a cell are those', async (context) => {
  const dir = await writeTraining(await folder(context), { experiment: 'a', steps: 6, rollouts: 20 });
  const dashboard = new Dashboard([join(dir, '../../..')], reader);
  const { step, span, bins, counts, low, high } = await dashboard.requests.heat({ dir, columns: 3, bins: 4 });
  assert.deepEqual([[...step], span, bins, low, high], [[1, 3, 5], 2, 4, 0, 1]);
  // Rewards 0, ¼, ½, ¾ and 1, each as often; 1 belongs to the last.
  assert.deepEqual([...counts], [8, 8, 8, 16, 8, 8, 8, 16, 8, 8, 8, 16]);
  const { count, worst, slowest } = await dashboard.requests.notable({ dir, from: 3, to: 4 });
  assert.equal(count, 40);
  assert.ok(worst.every(({ reward }) => reward === 0) && worst.length === 8);
  assert.deepEqual(slowest.slice(0, 3).map(({ duration }) => duration), [29, 29, 28]);
  const cell = await dashboard.requests.notable({ dir, from: 3, to: 3, low: 0.25, high: 0.4 });
  assert.deepEqual([cell.count, cell.worst.every(({ reward, step: own }) => reward === 0.25 && own === 3)], [4, true]);
});

test('trainings are listed newest first with their state; one whose process is gone is told as interrupted, one that is up with what it takes', async (context) => {
  const root = await folder(context);
  const old = await writeTraining(root, { experiment: 'old', steps: 2 });
  const dead = await writeTraining(root, { experiment: 'dead', steps: 3, state: 'running', planned: 50 });
  await writeRunInfo(dead, { ...await readRunInfo(dead), created: '2090-01-01T00:00:00.000Z', backbone: { pid: process.pid, started: 'another time' } });
  const up = await writeTraining(root, { experiment: 'up', steps: 3, state: 'running', planned: 50 });
  await writeRunInfo(up, { ...await readRunInfo(up), created: '2091-01-01T00:00:00.000Z', backbone: stampOf(process.pid)! });
  await writeFile(join(up, 'training.json'), JSON.stringify({ v: 1, step: 3, steps: 60, checkpoints: [], finished: false }));
  const dashboard = new Dashboard([root], reader);
  const { trainings, focus } = await dashboard.view();
  assert.deepEqual(trainings.map(({ experiment, state, step, steps }) => [experiment, state, step, steps]), [['up', 'running', 3, 60], ['dead', 'interrupted', 3, 50], ['old', 'finished', 2, 2]]);
  assert.equal(focus, up);
  const { processes: [own], left } = await dashboard.requests.detail({ dir: up });
  assert.equal(own!.name, 'backbone');
  assert.equal(own!.up, true);
  if (process.platform === 'linux') assert.ok(Math.abs(own!.memory! - process.memoryUsage.rss()) < 50e6);
  assert.ok(left! > 25_000 && left! < 50_000, `${left} ms for 57 steps`);
  assert.equal((await dashboard.requests.detail({ dir: dead })).processes[0]!.up, false);
  assert.equal((await dashboard.requests.detail({ dir: old })).left, null);
});

test('what is new is told while somebody watches: steps that were added, a state that changed', async (context) => {
  const root = await folder(context);
  const dir = await writeTraining(root, { experiment: 'a', steps: 2, state: 'running', planned: 10 });
  const dashboard = new Dashboard([root], reader);
  await dashboard.requests.series({ dir, figures: ['rewardMean'], from: 0 });
  const events: DashboardEvent[] = [];
  const told = async (which: (event: DashboardEvent) => boolean): Promise<void> => {
    const until = Date.now() + 8_000;
    while (!events.some(which)) {
      assert.ok(Date.now() < until, JSON.stringify(events));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = dashboard.watch((event) => events.push(event));
  context.after(stop);
  await addSteps(dir, 3, 4);
  await told((event) => event.type === 'grown' && event.count === 4 && event.anew === 0);
  await writeRunInfo(dir, { ...await readRunInfo(dir), state: 'cancelled' });
  await told((event) => event.type === 'listed' && event.trainings[0]!.state === 'cancelled');
});

test('a page gets only trainings that are listed, and a sentence for what it may not ask', async (context) => {
  const root = await folder(context);
  const dir = await writeTraining(root, { experiment: 'a', steps: 1 });
  const dashboard = new Dashboard([root], reader);
  await assert.rejects(dashboard.requests.detail({ dir: '/etc' }), /no training in \/etc/);
  await assert.rejects(dashboard.requests.report({ dir: join(dir, '..') }), /no training/);
  assert.throws(() => checkDashboardParams('constructor', null), /has no "constructor"/);
  assert.throws(() => checkDashboardParams('series', { dir, figures: ['__proto__'], from: 0 }), /`figures.0` of "series"/);
  assert.throws(() => checkDashboardParams('act', { do: 'delete', dir }), /of "act" can't be used/);
});
