import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { isAlive, stampOf } from '../../../runtime/processes/stamp.ts';
import type { ProcessStamp } from '../../../runtime/protocol/trace.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { openRun } from '../../../runtime/trace/writer.ts';
import { Project, until } from './project.ts';

describe('a backbone that was killed', { timeout: 60_000 }, () => {
  it('leaves no worker, not even one that loops, and a run that the next one puts right', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf({
      tasks: ['call 2', 'wait 60000', 'loop'], rollout: { workers: 3, max_env_worker: 3, block_timeout: 600 },
    }));
    await run.when('rollout-finished', ({ entry }) => entry.task === 'call 2-0');
    await run.when('call', ({ rollout }) => rollout === 's0t1n0');
    await run.when('call', ({ rollout }) => rollout === 's0t2n0');
    const { backbone, workers } = (await run.reader()).info;
    // One is started ahead for the next run; it is known to nobody but its backbone.
    assert.ok(workers!.length >= 2);
    const processes: ProcessStamp[] = [backbone!, ...workers!];
    assert.ok(processes.every(isAlive));

    process.kill(backbone!.pid, 'SIGKILL');
    const killed = Date.now();
    await until(() => !processes.some(isAlive), 4_000);
    assert.ok(Date.now() - killed < 2_000, `gone after ${Date.now() - killed} ms`);
    assert.equal((await run.reader()).info.state, 'running', 'nobody was there to say otherwise');

    await project.connect();
    const reader = await run.reader();
    assert.equal(reader.info.state, 'failed');
    assert.equal(reader.info.error?.code, 'backbone');
    assert.deepEqual(reader.info.workers, []);
    assert.deepEqual(reader.problems, []);
    assert.equal(reader.count, 1);
    assert.equal((await reader.read('s0t0n0')).calls.length, 2, 'what was finished is kept');
    const unfinished = await reader.inFlight();
    assert.deepEqual(unfinished.map(({ place, attempt, calls }) => [place.rollout, attempt, calls.length]).sort(), [['s0t1n0', 1, 1], ['s0t2n0', 1, 1]]);
    assert.ok(unfinished.every(({ calls }) => calls[0]!.tokens!.sampled.length > 0), 'no finished call is lost');
  });

  it('has runs in a folder of their own put right too, when that folder is next used', async () => {
    const project = await Project.make();
    const more = { experiment_dir: 'elsewhere' };
    const run = await project.start(await project.conf({ tasks: ['wait 60000'], more }));
    await run.when('call');
    await project.close();
    const again = await project.connect();
    assert.equal((await run.reader()).info.state, 'running');
    await again.request('start', project.request(await project.conf({ more })));
    assert.equal((await run.reader()).info.state, 'failed');
    again.close();
  });

  it('is not taken for dead while it lives, nor a damaged run for a reason not to start', async () => {
    const project = await Project.make();
    const ended = await project.run({ tasks: ['call'] });
    await project.close();
    // Somebody's backbone that lives: this process.
    const writer = await openRun(ended.dir);
    await writer.updateRun({ state: 'running', backbone: stampOf(process.pid)! });
    await writer.close();
    for (const text of ['', '{', JSON.stringify({ ...writer.info, run: 'x', workers: [{ pid: 1, started: 'x' }], backbone: { pid: 1, started: 'x' }, state: 'running' })]) {
      const dir = `${project.dir}/runs/test/broken/${text.length}`;
      await mkdir(`${dir}/traces`, { recursive: true });
      await writeFile(`${dir}/run.json`, text);
      // A journal that is no folder can't be opened.
      await writeFile(`${dir}/journal`, '');
    }
    const client = await project.connect();
    assert.ok(await client.request('status', null));
    assert.equal((await openRunReader(ended.dir)).info.state, 'running', 'left alone');
    client.close();
  });
});
