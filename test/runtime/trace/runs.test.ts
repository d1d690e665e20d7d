import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { deleteRun, findRun, listRuns } from '../../../runtime/trace/index.ts';
import { writeRunInfo } from '../../../runtime/trace/run-file.ts';
import { safeName } from '../../../runtime/trace/layout.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun, rollout } from './samples.ts';

async function threeRuns(root: string): Promise<string[]> {
  const dirs: string[] = [];
  for (const [i, run] of ['20261118-0900', '20261119-0900', '20261119-1000'].entries()) {
    const writer = await createRun(root, newRun({ experiment: i === 0 ? 'first' : 'math', run, created: new Date(2026, 10, 18 + i).toISOString() }));
    for (let sample = 0; sample < i + 1; sample++) {
      await writer.seal(rollout(sample, 1, 5, { reward: sample, ...(sample === 1 && { status: 'failed', reward: null }) }));
    }
    await writer.updateRun({ state: 'finished' });
    await writer.close();
    dirs.push(writer.dir);
  }
  return dirs;
}

test('runs are listed newest first with their counts; a broken one hides no other', async (context) => {
  const root = await folder(context);
  const dirs = await threeRuns(root);
  await mkdir(join(root, 'examples', 'math', 'broken'));
  await writeFile(join(root, 'examples', 'math', 'broken', 'run.json'), '{"v":1,');
  await mkdir(join(root, 'examples', 'math', 'no-run'));
  await writeFile(join(root, 'stray.txt'), '');
  const { runs, problems } = await listRuns(root);
  assert.deepEqual(runs.map(({ dir }) => dir), dirs.toReversed());
  assert.deepEqual(runs[0]!.counts, { rollouts: 3, finished: 2, failed: 1, cancelled: 0, sampled: 15, meanReward: 1 });
  assert.equal(runs[2]!.counts.meanReward, 0);
  assert.match(problems[0]!.message, /broken.run\.json cannot be read: it is not JSON/);
  assert.deepEqual(await listRuns(join(root, 'nothing')), { runs: [], problems: [] });
});

test('a run is found by name, prefix, path or as the latest', async (context) => {
  const root = await folder(context);
  const dirs = await threeRuns(root);
  const found = async (name: string) => (await findRun(root, name)).dir;
  assert.equal(await found('latest'), dirs[2]);
  assert.equal(await found('20261118'), dirs[0]);
  assert.equal(await found('20261119-10'), dirs[2]);
  assert.equal(await found('math/20261119-0900'), dirs[1]);
  assert.equal(await found('examples/first/20261118-0900'), dirs[0]);
  assert.equal(await found('examples/first'), dirs[0]);
  assert.equal(await found(dirs[1]!), dirs[1]);
  await assert.rejects(found('20261119'), { code: 'usage', message: /"20261119" fits 2 runs/, next: /math.20261119-1000, .*math.20261119-0900/ });
  await assert.rejects(findRun(join(root, 'nothing'), 'latest', ['training']), { code: 'usage', message: /There is no training in .*nothing yet\./, next: /tuning-fork train --conf/ });
  await assert.rejects(found('2027'), { code: 'usage', message: /There is no run "2027"/, next: /The newest there/ });
  await assert.rejects(findRun(join(root, 'nothing'), 'latest'), { next: /Start one with/ });
});

test('deleting takes one run and nothing beside it', async (context) => {
  const root = await folder(context);
  const outside = await folder(context);
  const dirs = await threeRuns(root);
  const [elsewhere] = await threeRuns(outside);
  await symlink(elsewhere!, join(root, 'examples', 'first', 'link'));
  await symlink(elsewhere!, join(dirs[0]!, 'log', 'inside'));
  for (const dir of [root, join(root, 'examples'), join(root, 'examples', 'first'), join(dirs[0]!, 'traces'), join(root, '..'), elsewhere!, join(root, 'examples', 'first', 'link')]) {
    await assert.rejects(deleteRun(root, dir), /is not deleted: it is no run folder in/, dir);
  }
  await deleteRun(root, dirs[0]!);
  assert.deepEqual(await readdir(join(root, 'examples', 'first')), ['link']);
  assert.equal((await listRuns(outside)).runs.length, 3);

  const { info } = await findRun(root, 'latest');
  await writeRunInfo(dirs[2]!, { ...info, state: 'running' });
  await assert.rejects(deleteRun(root, dirs[2]!), /is running, or its process died/);
  await deleteRun(root, dirs[2]!, { evenIfRunning: true });
  assert.equal((await listRuns(root)).runs.length, 1);
});

test('a name becomes that of a folder, on every system', () => {
  const names = { 'my agent/v2': 'my-agent-v2', '数学 Agent': '数学-Agent', '..': 'default', 'end.': 'end', con: 'con_', 'NUL.v2': 'NUL_.v2', lpt1: 'lpt1_', console: 'console', com: 'com' };
  for (const [name, folderName] of Object.entries(names)) assert.equal(safeName(name), folderName, name);
  assert.equal(safeName(`${'a'.repeat(79)}. b`), 'a'.repeat(79));
});
