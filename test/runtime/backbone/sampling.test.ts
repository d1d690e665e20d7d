import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Project, sampledIds, type Followed } from './project.ts';

describe('what is sampled', { timeout: 60_000 }, () => {
  let project: Project;
  let conf: string;

  before(async () => {
    project = await Project.make();
    conf = await project.conf({ tasks: ['call 3', 'call 2', 'call 1'], rollout: { num_repeat: 4, max_response_length_in_one_turn: 8, temperature: 3 } });
  });

  const ids = async (run: Followed): Promise<Record<string, number[][]>> => {
    await run.end();
    return Object.fromEntries([...await run.records()].sort().map(([rollout, record]) => [rollout, sampledIds(record)]));
  };

  it('depends on the seed and on nothing else: not on how many run at once, in how many processes, or together with what', async () => {
    const [alone, together, spread, other, rest] = await Promise.all([
      project.start(conf, { concurrency: 1 }), project.start(conf, { concurrency: 12 }), project.start(conf, { workers: 2, concurrency: 5 }),
      project.start(conf, { seed: 43 }), project.start(conf, { tasks: { ids: ['call 2-1'] }, repeats: 2 }),
    ]);
    const first = await ids(alone);
    assert.equal(Object.keys(first).length, 12);
    assert.deepEqual(await ids(together), first);
    assert.deepEqual(await ids(spread), first);
    assert.deepEqual(await ids(rest), { s0t1n0: first.s0t1n0, s0t1n1: first.s0t1n1 });
    const another = await ids(other);
    for (const rollout of Object.keys(first)) assert.notDeepEqual(another[rollout], first[rollout], rollout);
    assert.equal(new Set(Object.values(first).map((calls) => JSON.stringify(calls[0]))).size, 12, 'and the repeats of a task differ');
  });

  it('of a rollout that runs again after its worker was lost is the same again', async () => {
    const undisturbed = await project.run({ tasks: [{ task_id: 'a', main_query: 'call 2', metadata: {} }], rollout: { temperature: 3 } });
    const tasks = [{ task_id: 'a', main_query: 'until go', metadata: {} }, { task_id: 'b', main_query: 'kill misbehave', metadata: {} }];
    const run = await project.start(await project.conf({ tasks, rollout: { temperature: 3 } }));
    for (const rollout of ['s0t0n0', 's0t1n0']) await run.when('call', (event) => event.rollout === rollout);
    await project.write({ misbehave: '' });
    await run.when('requeued', ({ rollout }) => rollout === 's0t0n0');
    await project.write({ go: '' });
    await run.end();
    const again = await run.record('s0t0n0');
    assert.equal(again.attempt, 2);
    assert.deepEqual(sampledIds(again)[0], sampledIds(await undisturbed.record('s0t0n0'))[0]);
  });

  it('is planned by tasks, first tasks and repeats, and a task that is not there is told', async () => {
    const some = await project.start(conf, { tasks: { first: 2 }, repeats: 1 });
    await some.end();
    assert.deepEqual([...(await some.records()).keys()].sort(), ['s0t0n0', 's0t1n0']);
    assert.equal((await some.reader()).info.planned, 2);
    const none = await project.start(conf, { tasks: { ids: ['call 3-O'] } });
    const end = await none.end();
    assert.deepEqual([end.state, end.error?.code], ['failed', 'data']);
    assert.match(end.error!.next!, /Did you mean "call 3-0"\?/);
  });
});
