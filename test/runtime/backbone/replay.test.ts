import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { Project, sampledIds, type Followed } from './project.ts';

describe('a replay', { timeout: 60_000 }, () => {
  let project: Project;
  let conf: string;
  let original: Followed;
  let record: RolloutRecord;

  const replay = async (more: { rollout?: string; untilCall?: number; forks?: number } = {}, request: object = {}): Promise<Followed> => {
    const { rollout = 's0t0n0', forks = 0, untilCall } = more;
    const run = await project.start(conf, { kind: 'replay', replay: { dir: original.dir, rollout, forks, untilCall }, ...request });
    await run.end();
    return run;
  };
  const notes = async (): Promise<string[]> => (await readFile(join(project.dir, 'notes.txt'), 'utf8')).trimEnd().split('\n');

  before(async () => {
    project = await Project.make({ copy: ['workflows.ts', 'replayed.ts'] });
    conf = await project.conf({ workflow: 'replayed.ts->Notes', tasks: ['one', 'two'], rollout: { max_response_length_in_one_turn: 12 } });
    // Hot, so that what is sampled anew is something else.
    original = await project.start(conf, { seed: 7, temperature: 5 });
    await original.end();
    record = await original.record('s0t0n0');
    assert.equal(record.status, 'finished', record.error?.message);
    assert.equal(record.calls.length, 3);
  });

  it('gives the same rollout again: calls and tool results from the record, tools outside it anew', async () => {
    const before = await notes();
    const run = await replay();
    assert.equal((await run.end()).state, 'finished');
    const again = await run.record('s0t0n0');
    assert.deepEqual(sampledIds(again), sampledIds(record));
    assert.deepEqual(again.calls.map(({ tokens }) => tokens!.logprobs), record.calls.map(({ tokens }) => tokens!.logprobs));
    assert.deepEqual(again.metadata.texts, record.metadata.texts);
    assert.equal(again.reward, record.reward);
    assert.deepEqual(again.tools.map(({ name, arguments: args, result }) => [name, args, result]), record.tools.map(({ name, arguments: args, result }) => [name, args, result]));
    assert.deepEqual(await notes(), [...before, 'outside one'], 'the tool in the Toolkit left no trace of its own');
    assert.equal((await run.reader()).info.kind, 'replay');
    assert.equal((await run.reader()).entry(0).flags.includes('fork'), false, 'it is no fork');
  });

  it('runs its tools anew after the calls that are served', async () => {
    const before = await notes();
    const run = await replay({ untilCall: 1, forks: 1 });
    const fork = await run.record('s0t0n0f1');
    assert.deepEqual(fork.tools.length, record.tools.length);
    // The first tool ran after call 0, which is served; the second after call 1, which is not.
    assert.deepEqual((await notes()).slice(before.length).map((line) => line.split(' ')[0]), ['outside', 'inside']);
  });

  it('forks: each other than the rest, all as they were when it is done again, none of it trained', async () => {
    const [first, second] = [await replay({ untilCall: 1, forks: 3 }), await replay({ untilCall: 1, forks: 3 })];
    const forks = [...(await first.records()).values()].sort((a, b) => (a.rollout < b.rollout ? -1 : 1));
    assert.deepEqual(forks.map(({ rollout }) => rollout), ['s0t0n0f1', 's0t0n0f2', 's0t0n0f3']);
    const again = await second.records();
    for (const fork of forks) {
      assert.deepEqual(fork.parent, { rollout: 's0t0n0', call: 1 });
      assert.deepEqual([fork.taskId, fork.sample, fork.step], [record.taskId, record.sample, record.step]);
      assert.deepEqual(sampledIds(fork)[0], sampledIds(record)[0], 'the first call is served');
      assert.deepEqual(fork.calls.slice(1).map(({ why }) => why), ['intervened', 'intervened']);
      assert.deepEqual(sampledIds(again.get(fork.rollout)!), sampledIds(fork));
    }
    const texts = [record, ...forks].map((one) => JSON.stringify(sampledIds(one)[1]));
    assert.equal(new Set(texts).size, 4, 'and none is the original');
    const reader = await first.reader();
    assert.ok(reader.entry(0).flags.includes('fork'));
    assert.equal(reader.info.planned, 3);
  });

  it('samples what it does not serve as it was sampled then, with the seed and temperature asked for then', async () => {
    const again = await (await replay({ untilCall: 1 })).record('s0t0n0');
    // Its tool runs anew after call 1 and says another time; up to there all is as it was.
    assert.deepEqual(sampledIds(again).slice(0, 2), sampledIds(record).slice(0, 2));
    assert.deepEqual(again.parent, { rollout: 's0t0n0', call: 1 });
    const other = await (await replay({ untilCall: 1 }, { seed: 8 })).record('s0t0n0');
    assert.notDeepEqual(sampledIds(other)[1], sampledIds(record)[1], 'unless another is asked for');
    assert.equal(other.calls[1]!.sampling.temperature, 5);
    const cold = await (await replay({ untilCall: 1 }, { temperature: 0 })).record('s0t0n0');
    assert.equal(cold.calls[1]!.sampling.temperature, 0);
  });

  it('forks a rollout that is held, from what is written of it so far', async () => {
    const held = await project.start(conf, { seed: 7, temperature: 5, tasks: { first: 1 }, stops: [{ on: 'call', id: 1, hit: 3 }] });
    const { stop } = await held.when('held');
    assert.equal(stop.call!.index, 2);
    const forks = await project.start(conf, { kind: 'replay', replay: { dir: held.dir, rollout: stop.rollout, forks: 2, untilCall: 2 } });
    await forks.end();
    const [first, second] = [await forks.record('s0t0n0f1'), await forks.record('s0t0n0f2')];
    await held.client.request('release', { run: held.run, rollout: stop.rollout });
    await held.end();
    const parent = await held.record(stop.rollout);
    assert.equal(parent.status, 'finished', 'it went on as if nothing had been');
    for (const fork of [first, second]) {
      assert.deepEqual(sampledIds(fork).slice(0, 2), sampledIds(parent).slice(0, 2));
      assert.deepEqual([fork.parent, fork.task], [{ rollout: 's0t0n0', call: 2 }, parent.task]);
    }
    assert.equal(new Set([first, second, parent].map((one) => JSON.stringify(sampledIds(one)[2]))).size, 3);
  });

  it('of a validation rollout is sampled like one', async () => {
    const validation = await project.start(conf, { split: 'validation', tasks: { first: 1 } });
    await validation.end();
    const run = await project.start(conf, { kind: 'replay', replay: { dir: validation.dir, rollout: 's0t0n0', forks: 1, untilCall: 1 } });
    await run.end();
    const fork = await run.record('s0t0n0f1');
    assert.equal(fork.split, 'validation');
    assert.deepEqual(fork.calls.map(({ sampling }) => sampling.temperature), [0, 0, 0]);
  });

  it('of a changed workflow stops as diverged and says where', async () => {
    const source = await readFile(join(project.dir, 'replayed.ts'), 'utf8');
    await project.write({ 'replayed.ts': source.replace('Then tell', 'Then sing') });
    try {
      const run = await replay();
      assert.equal((await run.end()).state, 'finished');
      const { status, error, calls } = await run.record('s0t0n0');
      assert.deepEqual([status, error?.code, calls.length], ['failed', 'diverged', 1]);
      assert.match(error!.message, /^The rollout diverged from its record at call 1 \(role "default"\): token \d+ of its prompt is different\. Recorded: ".*tell.*; now: ".*sing/s);
      assert.match(error!.next!, /--until-call 1/);
      const fewer = await replay({ untilCall: 1, forks: 1 });
      assert.equal((await fewer.record('s0t0n0f1')).status, 'finished', 'fewer calls can still be served');
    } finally {
      await project.write({ 'replayed.ts': source });
    }
  });

  it('of what is not there is refused', async () => {
    const client = await project.client();
    const start = project.request(conf, { kind: 'replay', replay: { dir: original.dir, rollout: 'nobody', forks: 0 } });
    await assert.rejects(client.request('start', start), { code: 'usage', message: /nobody/ });
  });
});
