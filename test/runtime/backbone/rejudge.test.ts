import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Project, type Followed } from './project.ts';

describe('a rejudge', { timeout: 60_000, concurrency: 3 }, () => {
  let project: Project;
  let original: Followed;

  const rejudge = async (judge: string, more: object = {}): Promise<Followed> => {
    const run = await project.start(await project.conf({ workflow: 'judges.ts->Asks', judge, ...more }), { kind: 'rejudge', rejudge: { dir: original.dir } });
    await run.end();
    return run;
  };

  before(async () => {
    project = await Project.make({ copy: ['judges.ts', 'workflows.ts'] });
    original = await project.run({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries', tasks: ['fine', 'throw', 'hang'], rollout: { timeout: 1.5 } });
  });

  it('moves rewards and calls no model', async () => {
    await project.write({ 'kinder.ts': `
      import { Judge } from 'tuning-fork';
      export class Kinder extends Judge {
        judge(task, output) { console.log('judging', task.taskId); return { reward: 0.75, success: output.metadata.text !== undefined }; }
      }` });
    const run = await rejudge('kinder.ts->Kinder', { more: { model: { path: 'ollama:nobody-is-there' } } });
    assert.equal((await run.end()).state, 'finished');
    const [before, after] = [await original.records(), await run.records()];
    assert.equal(after.size, 3);
    for (const [rollout, record] of after) {
      const { reward, success, judge, status, error, run: name, ...same } = record;
      assert.deepEqual([status, reward, success, judge, error, name], ['finished', 0.75, true, { name: 'Kinder', reward: 0.75, success: true }, undefined, run.run]);
      const { reward: _r, success: _s, judge: _j, status: _t, error: _e, run: _n, ...was } = before.get(rollout)!;
      assert.deepEqual(same, was, 'all else is as it was');
    }
    assert.deepEqual([...before.values()].map(({ status }) => status).sort(), ['failed', 'failed', 'finished'], 'the old run stays');
    const { info } = await run.reader();
    assert.deepEqual([info.kind, info.planned, info.policy, info.source], ['rejudge', 3, 'embedded', original.dir]);
    const { info: { files: then } } = await original.reader();
    const at = (name: string): string => join(project.dir, name);
    assert.deepEqual(Object.keys(then!), [at('judges.ts')], 'workflow and judge, which are one file here');
    assert.deepEqual(Object.keys(info.files!), [at('judges.ts'), at('kinder.ts')]);
    assert.equal(info.files![at('judges.ts')], then![at('judges.ts')]);
    assert.deepEqual(run.of('call'), []);
    assert.equal(run.of('log').length, 3);
  });

  it('of a workflow that is just being changed works all the same', async () => {
    const source = await project.run({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries', tasks: ['fine'] });
    await project.write({ 'half.ts': 'export class Half extends {', 'kind.ts': "import { Judge } from 'tuning-fork';\nexport class Kind extends Judge { judge() { return { reward: 0.5, success: null }; } }" });
    const run = await project.start(await project.conf({ workflow: 'half.ts->Half', judge: 'kind.ts->Kind' }), { kind: 'rejudge', rejudge: { dir: source.dir } });
    assert.equal((await run.end()).state, 'finished');
    assert.deepEqual([...(await run.records()).values()].map(({ reward }) => reward), [0.5]);
  });

  it('by a built-in judge can be judged again in its turn', async () => {
    const run = await rejudge('builtin->exact_match');
    const records = [...(await run.records()).values()];
    assert.deepEqual(records.map(({ status, error }) => [status, error?.code]), records.map(() => ['failed', 'data']), 'these tasks have no label');
    const again = await project.start(await project.conf({ workflow: 'judges.ts->Asks', judge: 'kinder.ts->Kinder' }), { kind: 'rejudge', rejudge: { dir: run.dir } });
    await again.end();
    assert.deepEqual([...(await again.records()).values()].map(({ reward }) => reward), [0.75, 0.75, 0.75], 'what one judge could not grade, another can');
  });

  it('by a judge that throws, loops or never answers fails those rollouts and comes to its end', async () => {
    for (const [word, expected] of [
      ['throw new Error("no")', /^The judge threw Error: no$/],
      ['for (;;);', /^The judge blocked its process for/],
      ['await new Promise(() => {})', /^The judge had not answered after 1 s\.$/],
    ] as const) {
      await project.write({ 'worse.ts': `
        import { Judge } from 'tuning-fork';
        export class Worse extends Judge {
          async judge(task) { if (task.mainQuery === 'throw') { ${word}; } return { reward: 1, success: true }; }
        }` });
      const run = await rejudge('worse.ts->Worse', { rollout: { block_timeout: 1, timeout: word.startsWith('await') ? 1 : 30 } });
      assert.equal((await run.end()).state, 'finished', word);
      const records = await run.records();
      assert.deepEqual([...records.values()].map(({ status }) => status).sort(), ['failed', 'finished', 'finished'], word);
      const { error } = records.get('s0t1n0')!;
      assert.equal(error?.code, 'judge');
      assert.match(error!.message, expected);
      assert.match(error!.where!.file, /worse\.ts$/);
    }
  });

  it('can be cancelled while its judge hangs', async () => {
    await project.write({ 'never.ts': `
      import { Judge } from 'tuning-fork';
      export class Never extends Judge { async judge() { console.log('here'); await new Promise(() => {}); } }` });
    const run = await project.start(await project.conf({ workflow: 'judges.ts->Asks', judge: 'never.ts->Never' }), { kind: 'rejudge', rejudge: { dir: original.dir } });
    await run.when('log');
    await run.client.request('cancel', { run: run.run });
    const end = await run.end();
    assert.deepEqual([end.state, end.error, (await run.reader()).count], ['cancelled', undefined, 0]);
  });

  it('can be cancelled between two rollouts', async () => {
    const source = await project.run({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries', tasks: ['fine'], rollout: { num_repeat: 60, max_response_length_in_one_turn: 1 } });
    const conf = await project.conf({ workflow: 'judges.ts->Asks', judge: 'judges.ts->Tries' });
    for (let count = 1; count <= 6; count++) {
      const run = await project.start(conf, { kind: 'rejudge', rejudge: { dir: source.dir } });
      let seen = 0;
      await run.when('rollout-finished', () => ++seen >= count);
      await run.client.request('cancel', { run: run.run });
      const { state } = await run.end();
      assert.ok(state === 'cancelled' || run.of('rollout-finished').length === 60, state);
    }
  });

  it('of a workflow\'s own rewards leaves them as they are', async () => {
    const own = await project.run({ tasks: ['call', 'throw'] });
    const run = await project.start(await project.conf({ judge: 'judges.ts->Tries' }), { kind: 'rejudge', rejudge: { dir: own.dir } });
    await run.end();
    const records = await run.records();
    assert.deepEqual(['s0t0n0', 's0t1n0'].map((id) => records.get(id)!).map(({ status, reward, judge }) => [status, reward, judge]), [['finished', 1, undefined], ['failed', null, undefined]]);
  });
});
