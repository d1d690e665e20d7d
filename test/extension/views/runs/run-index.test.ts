import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readFilter } from '../../../../extension/views/runs/filter.ts';
import { Library } from '../../../../extension/views/runs/library.ts';
import { PAGE, RunNode, type Node } from '../../../../extension/views/runs/nodes.ts';
import type { RolloutRecord } from '../../../../runtime/protocol/trace.ts';
import { openRunReader } from '../../../../runtime/trace/index.ts';
import { createRun } from '../../../../runtime/trace/writer.ts';
import { RunIndex } from '../../../../extension/views/runs/run-index.ts';
import { folder, newRun, rollout } from '../../../runtime/trace/samples.ts';

const small = rollout(0, 1, 2);

function at(step: number, task: number, sample: number, more: Partial<RolloutRecord> = {}): RolloutRecord {
  return { ...small, rollout: `s${step}t${task}n${sample}`, step, taskIndex: task, taskId: `sum-${task}`, sample, reward: 0.5, success: null, ...more };
}

const ofDir = (dir: string): RunNode => new RunNode({ project: '/p', root: '/p/runs', run: 'r', dir, info: { ...newRun(), v: 1, run: 'r', created: '2026-01-01T00:00:00Z', state: 'finished' } });
const names = (nodes: Node[]): string[] => nodes.map((node) => (node.kind === 'step' ? `${node.group.split} ${node.group.step}` : node.kind === 'task' ? `task ${node.group.taskIndex}` : node.kind === 'rollout' ? node.rollout : node.kind));

test('a training has steps, the newest first, then tasks, then rollouts', async (context) => {
  const writer = await createRun(await folder(context), newRun({ kind: 'training' }));
  for (const [step, task, sample] of [[1, 0, 1], [1, 0, 0], [1, 1, 0], [2, 3, 0], [2, 3, 1]] as const) await writer.seal(at(step, task, sample));
  await writer.seal(at(2, 0, 0, { rollout: 'v', split: 'validation' }));
  const run = ofDir(writer.dir);
  const index = await run.index(undefined);
  const steps = run.children(index);
  assert.deepEqual(names(steps), ['validation 2', 'training 2', 'training 1']);
  const [validation, , first] = steps as [Node & { kind: 'step' }, Node, Node & { kind: 'step' }];
  assert.deepEqual(names(validation.children(index)), ['v'], 'tasks of one rollout are no level');
  const tasks = first.children(index);
  assert.deepEqual(names(tasks), ['task 0', 'task 1']);
  assert.deepEqual(names((tasks[0] as Node & { kind: 'task' }).children(index)), ['s1t0n0', 's1t0n1']);
  assert.equal(run.children(index)[2], first, 'nodes stay the same');

  await writer.seal(at(2, 4, 0));
  const growth = (await run.grow())!;
  assert.deepEqual([...growth].map(({ step }) => step), [2]);
  assert.deepEqual((await run.tally()).rollouts, 7);
  await writer.close();
});

test('rollouts of one step are pages of tasks right below the run', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  for (let task = 0; task < PAGE + 5; task++) await Promise.all([0, 1].map((sample) => writer.seal(at(0, task, sample))));
  await writer.close();
  const run = ofDir(writer.dir);
  const index = await run.index(undefined);
  const first = run.children(index);
  assert.equal(first.length, PAGE + 1);
  const more = first.at(-1) as Node & { kind: 'more' };
  assert.deepEqual([more.kind, more.left, more.parent], ['more', 5, run]);
  assert.equal(first[0]!.parent, run, 'what is below a level that is not shown belongs to the level above');
  run.shown += PAGE;
  assert.equal(run.children(index).length, PAGE + 5);
});

test('a filter shows what fits all of its words', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  await writer.seal(at(0, 0, 0, { reward: 1, success: true }));
  await writer.seal(at(0, 1, 0, { reward: 0, success: false }));
  await writer.seal(at(0, 2, 0, { reward: null, status: 'failed', error: { code: 'rollout-timeout', message: 'too long' } }));
  await writer.seal(at(0, 13, 0, { reward: 0.25 }));
  await writer.close();
  const reader = await openRunReader(writer.dir);
  const shown = (text: string): number[] => new RunIndex(reader, readFilter(text)).steps.flatMap((group) => group.tasks.map(({ taskIndex }) => taskIndex));
  assert.deepEqual(shown(''), [0, 1, 2, 13]);
  assert.deepEqual(shown('failed'), [2]);
  assert.deepEqual(shown('error:timeout'), [2]);
  assert.deepEqual(shown('error:diverged'), []);
  assert.deepEqual(shown('reward<0.5'), [1, 13]);
  assert.deepEqual(shown('reward>=0.25 success'), [0]);
  assert.deepEqual(shown('reward:none'), [2]);
  assert.deepEqual(shown('SUM-1'), [1, 13]);
  assert.deepEqual(shown('sum-1 wrong'), [1]);
});

test('runs are found as they come and go', async (context) => {
  const root = await folder(context);
  const library = new Library();
  library.addRoot(root, '/p');
  await library.reload();
  assert.deepEqual(library.list(), []);
  const writer = await createRun(root, newRun());
  library.called(writer.dir, 'my_agent');
  assert.equal(await library.touch(writer.dir), 'added');
  assert.equal(library.get(writer.dir)?.info.workflow, 'my_agent', 'its own name, whatever run.json says yet');
  assert.equal(library.get(writer.dir)?.info.state, 'running');
  await writer.updateRun({ state: 'finished' });
  assert.equal(await library.touch(writer.dir), 'changed');
  assert.equal(library.get(writer.dir)?.info.state, 'finished');
  await writer.close();
  const { rm } = await import('node:fs/promises');
  await rm(writer.dir, { recursive: true });
  assert.equal(await library.touch(writer.dir), 'removed');
  assert.equal(await library.touch(`${root}/../elsewhere/a/b/c`), undefined);
});

test('runs that came or went without a word are found, and called as their workflow calls itself', async (context) => {
  const project = await folder(context);
  const library = new Library();
  library.addProject(project);
  await library.reload();
  assert.deepEqual(await library.moved(), []);
  const writer = await createRun(join(project, 'runs'), newRun());
  await writer.close();
  assert.deepEqual(await library.moved(), [writer.dir]);
  assert.equal(await library.touch(writer.dir), 'added');
  assert.deepEqual(await library.moved(), []);
  await rm(writer.dir, { recursive: true });
  assert.deepEqual(await library.moved(), [writer.dir]);
  assert.equal(await library.touch(writer.dir), 'removed');
});
