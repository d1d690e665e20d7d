import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { RunEvent } from '../../../runtime/protocol/backbone.ts';
import { Followed, Project } from './project.ts';

/** Progress is told to whoever is there; all else to everyone. */
const lasting = (events: RunEvent[]): RunEvent[] => events.filter((event) => event.type !== 'progress');

describe('following a run', { timeout: 60_000 }, () => {
  let project: Project;

  before(async () => {
    project = await Project.make();
  });

  it('shows a second client, and one that comes after the end, what the first one saw', async () => {
    const run = await project.start(await project.conf({ tasks: ['call 2', 'wait 400', 'say hello there'] }));
    await run.when('call');
    const late = await project.connect();
    const second = await Followed.attach(late, run.run, run.dir);
    await Promise.all([run.end(), second.end()]);
    assert.deepEqual(lasting(second.events), lasting(run.events));
    assert.deepEqual(run.of('log').map(({ rollout, stream, text }) => [rollout, stream, text]), [['s0t2n0', 'out', 'hello there\n']]);
    assert.deepEqual([run.events[0]!.type, run.events.at(-1)!.type], ['started', 'finished']);
    const { progress, info } = (await late.request('status', null)).runs.find((each) => each.run === run.run)!;
    assert.equal(info.state, 'finished');
    assert.deepEqual([progress.planned, progress.finished, progress.running, progress.calls, progress.rewards, progress.rewardSum], [3, 3, 0, 5, 3, 3]);
    assert.equal(run.of('call').length, 5);
    assert.ok(run.of('call').every(({ site }) => site?.file.endsWith('workflows.ts') && site.line! > 0));
    const after = await Followed.attach(late, run.run, run.dir);
    await after.end();
    assert.deepEqual(lasting(after.events), lasting(run.events));
    const from = run.of('call')[2]!.seq;
    const events: RunEvent[] = [];
    await (await project.connect()).attach(run.run, (event) => events.push(event), from);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(lasting(events), lasting(run.events).filter(({ seq }) => seq > from));
    late.close();
  });

  it('stops where it is told to, while the run goes on', async () => {
    const run = await project.start(await project.conf({ tasks: ['wait 300'] }));
    const other = await project.connect();
    const second = await Followed.attach(other, run.run, run.dir);
    await second.when('call');
    await other.request('detach', { run: run.run });
    const seen = second.events.length;
    await run.end();
    assert.equal(second.events.length, seen);
    other.close();
  });

  it('of one that nobody knows is refused', async () => {
    const client = await project.client();
    await assert.rejects(client.attach('nobody', () => {}), { code: 'usage', message: 'There is no run nobody here.' });
  });

  it('can cancel one rollout, one that has not begun, and then all', async () => {
    const run = await project.start(await project.conf({ tasks: ['wait 60000', 'call', 'wait 60000', 'call', 'wait 60000'], rollout: { max_env_worker: 1 } }));
    const { client } = run;
    await client.request('cancel', { run: run.run, rollout: 's0t3n0' });
    await run.when('call', ({ rollout }) => rollout === 's0t0n0');
    await client.request('cancel', { run: run.run, rollout: 's0t0n0' });
    const first = await run.when('rollout-finished', ({ entry }) => entry.id === 's0t0n0');
    assert.deepEqual([first.entry.status, first.error?.code, first.entry.calls], ['cancelled', 'rollout-cancelled', 1]);
    await run.when('call', ({ rollout }) => rollout === 's0t2n0');
    assert.equal((await run.record('s0t1n0')).status, 'finished', 'the others go on');
    const others = run.of('rollout-started').length;
    await client.request('cancel', { run: run.run, rollout: 's0t2n0' });
    await run.when('call', ({ rollout }) => rollout === 's0t4n0');
    await client.request('cancel', { run: run.run });
    assert.equal((await run.end()).state, 'cancelled');
    const records = await run.records();
    assert.deepEqual([...records.values()].map(({ rollout, status, calls }) => [rollout, status, calls.length]).sort(), [
      ['s0t0n0', 'cancelled', 1], ['s0t1n0', 'finished', 1], ['s0t2n0', 'cancelled', 1], ['s0t3n0', 'cancelled', 0], ['s0t4n0', 'cancelled', 1],
    ]);
    assert.equal(run.of('rollout-started').length, others + 1, 's0t3n0 never ran');
    const reader = await run.reader();
    assert.deepEqual([reader.info.state, reader.info.error, reader.info.workers], ['cancelled', undefined, []]);
    assert.deepEqual(await reader.inFlight(), []);
  });

  it('can be cancelled before anything runs', async () => {
    const conf = await project.conf({ workflow: 'endless.ts->Never', tasks: ['call'] });
    await project.write({ 'endless.ts': 'await new Promise(() => {});\nexport class Never {}\n' });
    const run = await project.start(conf);
    await run.client.request('cancel', { run: run.run });
    const end = await run.end();
    assert.deepEqual([end.state, end.error], ['cancelled', undefined]);
  });

  it('can be cancelled while its model loads', { skip: process.platform === 'win32' }, async () => {
    mkdirSync(join(project.dir, 'slow'));
    // Whoever reads this waits for somebody to write it.
    execFileSync('mkfifo', [join(project.dir, 'slow', 'config.json')]);
    const run = await project.start(await project.conf({ more: { model: { path: 'slow' } } }));
    await run.when('workflow-ready');
    await run.client.request('cancel', { run: run.run });
    assert.equal((await run.end()).state, 'cancelled');
  });
});
