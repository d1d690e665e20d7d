import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { isAlive } from '../../../runtime/processes/stamp.ts';
import type { ErrorCode } from '../../../runtime/protocol/errors.ts';
import { Project, until, type Followed } from './project.ts';

interface Case {
  query: string;
  code: ErrorCode;
  words: RegExp;
  /** Function at the top of the stack. */
  stack?: RegExp;
  /** Whether the process is lost with it. */
  takesAll: boolean;
}

const cases: Case[] = [
  { query: 'throw', code: 'rollout-threw', words: /TypeError: the third wheel came off/, stack: /^\s+at thrower /, takesAll: false },
  { query: 'exit', code: 'rollout-exited', words: /process\.exit\(7\)/, stack: /^\s+at .*execute /, takesAll: false },
  { query: 'loop', code: 'rollout-blocked', words: /blocked its process for 1\.\d s/, stack: /^\s+at endlessLoop /, takesAll: true },
  { query: 'memory', code: 'rollout-crashed', words: /used up the memory/, takesAll: true },
  { query: 'kill', code: 'rollout-crashed', words: /SIGKILL/, takesAll: true },
];

/** The misbehaviour comes when all four have made a call, and the others go on only after it. */
async function drive(project: Project, { query, takesAll }: Case): Promise<Followed> {
  const innocent = `until go-${query}`;
  const run = await project.start(await project.conf({
    tasks: [innocent, innocent, `${query} misbehave-${query}`, innocent],
    rollout: { worker_memory: 80, block_timeout: query === 'loop' ? 1 : 30 },
  }));
  for (const task of [0, 1, 2, 3]) await run.when('call', ({ rollout }) => rollout === `s0t${task}n0`);
  await project.write({ [`misbehave-${query}`]: '' });
  if (takesAll) {
    for (const task of [0, 1, 3]) await run.when('requeued', ({ rollout }) => rollout === `s0t${task}n0`);
    const reader = await run.reader();
    await until(async () => (await reader.inFlight()).every(({ attempt }) => attempt > 1));
  }
  if (!takesAll) await run.when('rollout-finished', ({ entry }) => entry.id === 's0t2n0');
  await project.write({ [`go-${query}`]: '' });
  await run.end();
  return run;
}

describe('a rollout that misbehaves among others in its process', { timeout: 90_000 }, () => {
  let project: Project;
  const runs = new Map<string, Promise<Followed>>();

  before(async () => {
    project = await Project.make();
    for (const each of cases) runs.set(each.query, drive(project, each));
  });

  for (const { query, code, words, stack, takesAll } of cases) {
    it(`"${query}" fails alone, named, and the run goes to its end`, async () => {
      const run = await runs.get(query)!;
      assert.equal((await run.end()).state, 'finished');
      const records = await run.records();
      assert.equal(records.size, 4);
      const guilty = records.get('s0t2n0')!;
      assert.deepEqual([guilty.status, guilty.error?.code, guilty.reward], ['failed', code, null]);
      assert.match(guilty.error!.message, words);
      assert.match(guilty.error!.where!.file, /workflows\.ts$/);
      assert.ok(guilty.error!.where!.line! > 0);
      if (stack !== undefined) assert.match(guilty.error!.stack!.split('\n').find((line) => /^\s+at /.test(line))!, stack);
      else assert.match(guilty.error!.message, /The last it is known to have done is model call 0 \(role "default"\)/);
      assert.ok(guilty.error!.next !== undefined);
      for (const rollout of ['s0t0n0', 's0t1n0', 's0t3n0']) {
        const record = records.get(rollout)!;
        assert.deepEqual([record.status, record.attempt, record.calls.length, record.reward], ['finished', takesAll ? 2 : 1, 2, 1], rollout);
        assert.deepEqual(record.calls.map(({ index }) => index), [0, 1], 'no call of the first attempt');
      }
      const requeued = run.of('requeued').map((event) => `${event.rollout}/${event.attempt}`).sort();
      const wanted = takesAll ? ['s0t0n0/2', 's0t1n0/2', 's0t3n0/2'] : [];
      // Where nothing tells who it was, the guilty one is tried again too, alone; more often where somebody outside may have killed it.
      assert.deepEqual(requeued.filter((each) => !each.startsWith('s0t2n0/')), wanted);
      assert.deepEqual(readdirSync(join(run.dir, 'journal')), [], 'nothing of a discarded attempt is left');
      const reader = await run.reader();
      assert.deepEqual(await reader.inFlight(), []);
      assert.deepEqual(run.of('progress').at(-1)!.progress.running, 0);
    });
  }

  it('is the reason that the others are told why they run again', async () => {
    const [loop, kill] = [await runs.get('loop')!, await runs.get('kill')!];
    assert.deepEqual(loop.of('requeued').map(({ cause }) => cause.message), Array(3).fill('Rollout s0t2n0 blocked the process they shared.'));
    assert.match(kill.of('requeued')[0]!.cause.message, /ended \(SIGKILL\), and nothing tells which of the 4 rollouts/);
  });

  it('that kills its process every time, in company or alone, holds nobody up', async () => {
    const run = await project.run({ tasks: ['kill', 'kill', 'call', 'loop', 'wait 400'], rollout: { max_env_worker: 4, block_timeout: 1 } });
    assert.equal((await run.end()).state, 'finished');
    const records = [...(await run.records()).values()];
    assert.equal(records.length, 5);
    for (const record of records) {
      const query = String((record.task as { mainQuery: string }).mainQuery).split(' ')[0]!;
      assert.equal(record.status, query === 'call' || query === 'wait' ? 'finished' : 'failed', query);
      assert.ok(record.attempt <= 5, `${query} took ${record.attempt} attempts`);
    }
  });

  it('by never ending runs out of time alone; its worker takes nothing new and is replaced', async () => {
    const run = await project.start(await project.conf({ tasks: ['hang', 'tool hang', 'wait 60000', 'call', 'call'], rollout: { timeout: 1.2, max_env_worker: 3 } }));
    await run.when('rollout-finished', ({ entry }) => entry.task === 'hang-0');
    const [first] = (await run.reader()).info.workers!;
    await run.end();
    const records = await run.records();
    const [hang, tool, slow] = ['s0t0n0', 's0t1n0', 's0t2n0'].map((rollout) => records.get(rollout)!);
    for (const record of [hang!, tool!, slow!]) {
      assert.deepEqual([record.status, record.error?.code, record.attempt], ['failed', 'rollout-timeout', 1]);
      assert.match(record.error!.where!.file, /workflows\.ts$/);
    }
    assert.match(hang!.error!.message, /^The rollout took longer than 1\.2 s\. The last it is known to have done is model call 0/);
    assert.match(tool!.error!.message, /The last it is known to have done is the tool "hang"\.$/);
    assert.notEqual(hang!.error!.where!.line, tool!.error!.where!.line);
    for (const rollout of ['s0t3n0', 's0t4n0']) assert.equal(records.get(rollout)!.status, 'finished');
    assert.equal(isAlive(first!), false, 'the worker that still ran them is gone');
    assert.deepEqual(run.of('requeued'), []);
  });
});
