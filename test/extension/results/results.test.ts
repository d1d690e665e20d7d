import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { Board } from '../../../extension/editor/board.ts';
import { Code } from '../../../extension/results/code.ts';
import { Results, targetOf } from '../../../extension/results/results.ts';
import type { RunInfo } from '../../../runtime/protocol/trace.ts';
import { createRun, type NewRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun, rollout } from '../../runtime/trace/samples.ts';

const config = { rollout: { user_workflow: 'workflow.ts->Agent' }, task_judge: { judge_protocol: './judge.ts->Mine' } };
const files = { '/project/workflow.ts': 'a', '/project/judge.ts': 'b' };
const target = { file: '/project/workflow.ts', className: 'Agent' };

async function stored(root: string, created: string, reward: number | undefined, more: Partial<NewRun> = {}): Promise<string> {
  const run = await createRun(root, newRun({ config, files, created: `2026-11-20T12:0${created}:00Z`, run: `r${created}`, state: 'finished', ...more }));
  if (reward !== undefined) await run.seal(rollout(0, 1, 1, { reward }));
  await run.close();
  return run.dir;
}

test('of a workflow the newest run that tells something is shown, unless another is chosen or all are cleared away', async (context) => {
  const root = await folder(context);
  const first = await stored(root, '1', 0.25);
  const again = await stored(root, '2', 0.75, { kind: 'rejudge', source: first });
  await stored(root, '3', 1, { kind: 'rejudge', source: first, state: 'cancelled' });
  await stored(root, '4', undefined, { state: 'failed' });
  await stored(root, '5', 1, { kind: 'replay' });
  await stored(root, '6', 1, { config: { rollout: { user_workflow: 'workflow.ts->Other' } } });
  const stopped = await createRun(root, newRun({ config, files, created: '2026-11-20T12:07:00Z', run: 'r7', state: 'cancelled' }));
  await stopped.seal(rollout(0, 1, 1, { status: 'cancelled', reward: null }));
  await stopped.close();
  const results = new Results();
  await results.addRoot(root);
  assert.deepEqual(results.runs.map(({ info }) => info.run), ['r7', 'r6', 'r5', 'r4', 'r3', 'r2', 'r1']);
  const board = new Board(results);
  assert.deepEqual(board.targetsAt('/project/judge.ts').map(({ className }) => className).sort(), ['Agent', 'Other']);
  const shown = (await board.look(target))!;
  assert.deepEqual([shown.dir, shown.reward?.mean, (await board.before(shown))?.dir], [again, 0.75, first]);
  board.choose(target, { run: first });
  assert.equal((await board.look(target))?.dir, first);
  board.choose(target, { cleared: shown.info.created });
  assert.equal(await board.look(target), undefined);
  assert.equal(board.shown(target), undefined);

  board.choose(target, {});
  await rm(again, { recursive: true });
  assert.equal((await board.look(target))?.dir, first, 'a run that was deleted is not shown');
  assert.equal(results.info(again), undefined);
});

test('a run that a terminal has started is found by its file, and tells of itself', async (context) => {
  const root = await folder(context);
  const results = new Results();
  await results.addRoot(root);
  const told: string[] = [];
  results.onChange((dir) => told.push(dir));
  const dir = await stored(root, '1', 1);
  await results.look(dir);
  assert.deepEqual([told, (await results.figures(dir))?.reward?.mean], [[dir], 1]);
  const going = await createRun(root, newRun({ config, files }));
  for (let time = 0; time < 3; time++) await results.glance(going.dir);
  await going.seal(rollout(0, 1, 1));
  await results.glance(going.dir);
  assert.deepEqual(told.slice(1), [going.dir, going.dir], 'told once as it is, and once it has grown');
  await going.close();
  results.dispose();
});

test('targets are named by real paths where the code of the run tells them', () => {
  const info = { conf: '/link/agents/a.yaml', config: { rollout: { user_workflow: '../workflow.ts->Agent' }, task_judge: { judge_protocol: 'builtin->math_answer' } } } as unknown as RunInfo;
  assert.deepEqual(targetOf(info, 'workflow'), { file: '/link/workflow.ts', className: 'Agent' });
  assert.deepEqual(targetOf({ ...info, files }, 'workflow'), target);
  assert.equal(targetOf(info, 'judge'), undefined);
});

test('code is other code once its text differs, saved or not', async (context) => {
  const dir = await folder(context);
  const path = join(dir, 'a.ts');
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  await writeFile(path, 'one');
  const code = new Code();
  const asked = { [path]: sha('one') };
  assert.deepEqual(await code.changed(asked, () => undefined), []);
  assert.deepEqual(await code.changed(asked, () => ({ version: 1, getText: () => 'two' })), [path]);
  assert.deepEqual(await code.changed({ [path]: sha('\uFEFFone') }, () => ({ version: 1, getText: () => 'one' })), [], 'a byte order mark is no change');
  await writeFile(path, 'other');
  assert.deepEqual(await code.changed(asked, () => undefined), [path]);
  await rm(path);
  assert.deepEqual(await code.changed(asked, () => undefined), [path]);
});
