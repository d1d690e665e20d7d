import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MetricsRow } from '../../../runtime/protocol/training.ts';
import { Project, until, type Followed } from './project.ts';

describe('pausing a training', { timeout: 90_000 }, () => {
  let project: Project;
  let conf: string;

  before(async () => {
    project = await Project.make();
    conf = await project.conf({
      tasks: ['call', 'call 2'], rollout: { num_repeat: 2 },
      more: { data: { train_batch_size: 1 }, trainer_common: { total_training_steps: 8, test_freq: -1, save_freq: -1 } },
    });
  });

  const steps = (run: Followed): number => run.of('training').filter(({ event }) => event.type === 'step').length;
  const standing = (run: Followed): boolean => run.of('paused').at(-1)?.paused ?? false;
  const paused = async (run: Followed): Promise<boolean | undefined> => (await run.client.request('status', null)).runs.find((one) => one.run === run.run)!.paused;
  const rows = async (run: Followed): Promise<object[]> => (await readFile(join(run.dir, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n').map((line) => {
    const { time: _time, ...row } = JSON.parse(line) as MetricsRow;
    return row;
  });

  it('stands still at the next safe point, saves when it is asked, and ends as one that was left alone', async () => {
    const alone = await project.start(conf, { kind: 'training', model: 'embedded' });
    assert.equal((await alone.end()).state, 'finished');

    const run = await project.start(conf, { kind: 'training', model: 'embedded' });
    const { client } = run;
    await run.when('training', ({ event }) => event.type === 'step');
    await client.request('pause', { run: run.run });
    assert.equal(await paused(run), true);
    await until(() => standing(run));
    const made = steps(run);
    await client.request('checkpoint', { run: run.run });
    await client.request('checkpoint', { run: run.run });
    const saved = run.of('training').flatMap(({ event }) => (event.type === 'checkpoint' ? [event.checkpoint] : []));
    assert.deepEqual(saved.map(({ name, asked }) => [name, asked]), [[`step-${made}`, true]]);
    await sleep(300);
    assert.equal(steps(run), made, 'nothing goes on');
    await client.request('resume', { run: run.run });
    assert.equal((await run.end()).state, 'finished');
    assert.deepEqual(run.of('paused').map((event) => event.paused), [true, false]);
    assert.equal(await paused(run), false);
    assert.deepEqual(await rows(run), await rows(alone));
    assert.ok(existsSync(join(run.dir, saved[0]!.directory, 'model.safetensors')), 'it is kept');
    await assert.rejects(client.request('pause', { run: run.run }), { code: 'usage', message: /has ended/ });
  });

  it('ends when it is cancelled while it stands still', async () => {
    const run = await project.start(conf, { kind: 'training', model: 'embedded' });
    await run.client.request('pause', { run: run.run });
    await until(() => standing(run), 20_000);
    assert.equal(steps(run), 0);
    await assert.rejects(run.client.request('checkpoint', { run: run.run }), { code: 'usage', message: /no step yet/ });
    await run.client.request('cancel', { run: run.run });
    assert.equal((await run.end()).state, 'cancelled');
  });
});
