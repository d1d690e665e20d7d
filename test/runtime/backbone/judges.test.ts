import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { Project } from './project.ts';

describe('a judge of the user\'s own', { timeout: 60_000, concurrency: 3 }, () => {
  let project: Project;

  before(async () => {
    project = await Project.make({ copy: ['judges.ts'] });
    await project.client();
  });

  it('sees the label; the workflow does not, wherever it looks', async () => {
    const label = 'label-0123456789abcdef';
    const tasks = [{ task_id: 'a', main_query: 'label', metadata: { answer: label, hint: 'visible' } }];
    const run = await project.run({ workflow: 'judges.ts->Looks', judge: 'judges.ts->Tries', label: 'answer', tasks });
    const record = await run.record('s0t0n0');
    assert.deepEqual([record.status, record.reward, record.success], ['finished', 1, true]);
    assert.deepEqual(record.metadata, { found: false, keys: ['envType', 'initMessages', 'mainQuery', 'metadata', 'taskId'], metadata: { hint: 'visible' } });
    assert.deepEqual(record.judge, { name: 'Tries', reward: 1, success: true, reason: label, parts: { length: 0 } });
    assert.equal(record.task.label, label, 'the trace keeps it');
  });

  it('that fails costs its rollout and no other, and says what it did', async () => {
    const tasks = ['throw', 'nan', 'text', 'nothing', 'exit', 'fine', 'hang'];
    const run = await project.run({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries', tasks, rollout: { timeout: 2 } });
    assert.equal((await run.end()).state, 'finished');
    const records = await run.records();
    const of = (query: string): RolloutRecord => records.get(`s0t${tasks.indexOf(query)}n0`)!;
    assert.deepEqual([of('fine').status, of('fine').reward, of('fine').attempt], ['finished', 0.5, 1]);
    const words: Record<string, RegExp> = {
      throw: /^The judge threw RangeError: no such mark$/,
      nan: /^Tries gave the reward NaN, which is not a finite number\.$/,
      text: /^Tries gave the reward the string "1"/,
      nothing: /^Tries returned undefined instead of \{ reward, success \}\.$/,
      exit: /^The judge called process\.exit\(3\)\.$/,
      hang: /^The judge had not answered when the 2 s of its rollout were over\.$/,
    };
    for (const [query, expected] of Object.entries(words)) {
      const { status, error, reward, metadata, calls } = of(query);
      assert.deepEqual([status, error?.code, reward, calls.length], ['failed', 'judge', null, 1], query);
      assert.match(error!.message, expected);
      assert.match(error!.where!.file, /judges\.ts$/, query);
      assert.equal(typeof metadata.text, 'string', 'what it would have judged is kept');
    }
    assert.match(of('throw').error!.stack!.split('\n')[1]!, /at thrower .*judges\.ts:\d+/);
    assert.ok(of('exit').error!.where!.line! > 0);
  });

  it('that takes its process with it is named too, and the others come to their end', async () => {
    const tasks = ['loop', 'fine', 'kill', 'fine'];
    const run = await project.run({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries', tasks, rollout: { block_timeout: 1 } });
    assert.equal((await run.end()).state, 'finished');
    const [loop, fine, kill, also] = ['s0t0n0', 's0t1n0', 's0t2n0', 's0t3n0'];
    const records = await run.records();
    for (const [rollout, expected] of [[loop, /^The judge blocked its process for \d\.\d s/], [kill, /^The judge ended its process \(SIGKILL\)/]] as const) {
      const { error, status } = records.get(rollout!)!;
      assert.deepEqual([status, error?.code], ['failed', 'judge']);
      assert.match(error!.message, expected);
      assert.match(error!.where!.file, /judges\.ts$/);
    }
    for (const rollout of [fine, also]) assert.equal(records.get(rollout!)!.reward, 0.5);
  });

  it('that is none is refused before anything runs', async () => {
    for (const [judge, code, words] of [
      ['judges.ts->NoJudge', 'judge', /NoJudge has no method judge\(task, output\)/],
      ['judges.ts->Tires', 'judge', /no exported class Tires/],
    ] as const) {
      const run = await project.run({ workflow: 'judges.ts->Asks', judge, tasks: ['fine'] });
      const end = await run.end();
      assert.deepEqual([end.state, end.error?.code], ['failed', code]);
      assert.match(end.error!.message, words);
      assert.equal((await run.reader()).info.error?.code, code);
    }
    const client = await project.client();
    const missing = project.request(await project.conf({ workflow: 'judges.ts->Asks', judge: 'nowhere.ts->Judge' }));
    await assert.rejects(client.request('start', missing), { code: 'config', message: /nowhere\.ts/ });
  });

  it('gives way to the word of the environment where that is the judge', async () => {
    const tasks = ['0.75', 'verdict', 'throw', 'nonsense'];
    const run = await project.run({ workflow: 'judges.ts->Plays', judge: 'builtin->environment', tasks });
    const records = await run.records();
    const [number, verdict, threw, nonsense] = [0, 1, 2, 3].map((task) => records.get(`s0t${task}n0`)!);
    assert.deepEqual([number!.reward, number!.success, number!.metadata.evaluation], [0.75, false, 0.75]);
    assert.deepEqual([verdict!.reward, verdict!.success], [0.25, true]);
    assert.deepEqual(verdict!.judge?.name, 'environment');
    assert.match(threw!.error!.message, /the dice fell off the table/);
    assert.equal(nonsense!.status, 'failed');
    assert.equal(run.of('log').filter(({ text }) => text === 'closed\n').length, 4, 'each world is closed');
  });

  it('is missed where the workflow gives no reward', async () => {
    const run = await project.run({ workflow: 'judges.ts->Asks', tasks: ['x'] });
    const { error } = await run.record('s0t0n0');
    assert.equal(error?.code, 'reward');
    assert.match(error!.message, /no reward, and no judge is configured/);
    assert.equal(error!.stack, undefined, 'our own lines help nobody');
  });
});
