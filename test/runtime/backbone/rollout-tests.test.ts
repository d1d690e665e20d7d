import assert from 'node:assert/strict';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { difference, readRolloutTest, rolloutTest, writeRolloutTest, type RolloutTest } from '../../../runtime/trace/index.ts';
import { Project, type Followed } from './project.ts';

describe('tests made of rollouts', { timeout: 60_000 }, () => {
  let project: Project;
  let conf: string;
  let files: string[];

  const start = async (which: string[]): Promise<Followed> => {
    // A model that can't be opened: none is needed.
    const run = await project.start(conf, { kind: 'test', test: { files: which }, model: 'ollama:nobody-has-this' });
    await run.end();
    return run;
  };
  const outcome = async (run: Followed, rollout: string, file: string): Promise<string | undefined> => difference(await readRolloutTest(file), await run.record(rollout))?.message;

  before(async () => {
    project = await Project.make({ copy: ['workflows.ts', 'replayed.ts'] });
    conf = await project.conf({ workflow: 'replayed.ts->Notes', tasks: ['one', 'two'] });
    const original = await project.start(conf, { seed: 7 });
    await original.end();
    await mkdir(join(project.dir, 'tests'));
    files = await Promise.all(['s0t0n0', 's0t1n0'].map(async (id) => {
      const file = join(project.dir, 'tests', `${id}.rollout.json`);
      await writeRolloutTest(file, rolloutTest(await original.record(id), { conf: join(project.dir, conf) }, file));
      return file;
    }));
    // Of the run they came from nothing is needed.
    await rm(original.dir, { recursive: true });
  });

  it('run again without a model, and end as they did', async () => {
    const run = await start(files);
    assert.equal((await run.end()).state, 'finished');
    assert.equal((await run.reader()).info.kind, 'test');
    assert.deepEqual([...(await run.records()).keys()].sort(), ['s0t0n0', 's0t1n0']);
    for (const [i, id] of ['s0t0n0', 's0t1n0'].entries()) assert.equal(await outcome(run, id, files[i]!), undefined);
    assert.equal(run.of('model-ready')[0]?.label, 'recorded');
  });

  it('may be of one name', async () => {
    const run = await start([files[0]!, files[0]!]);
    assert.deepEqual([...(await run.records()).keys()].sort(), ['s0t0n0', 's0t0n0x2']);
    assert.equal(await outcome(run, 's0t0n0x2', files[0]!), undefined);
  });

  it('fail where the code asks something else, with the messages and the line', async () => {
    const source = await readFile(join(project.dir, 'replayed.ts'), 'utf8');
    await project.write({ 'replayed.ts': source.replace('Then tell', 'Then sing') });
    try {
      const run = await start([files[0]!]);
      const { error } = await run.record('s0t0n0');
      assert.match(error!.message, /^The rollout diverged from its record at call 1 \(role "default"\): message 1 is different\. Recorded: "user: Then tell .*; now: "user: Then sing/);
      assert.deepEqual([error!.where?.file, error!.where?.line], [join(project.dir, 'replayed.ts'), 10]);
    } finally {
      await project.write({ 'replayed.ts': source });
    }
  });

  it('fail where the code asks more than was recorded, or less', async () => {
    const source = await readFile(join(project.dir, 'replayed.ts'), 'utf8');
    try {
      await project.write({ 'replayed.ts': source.replace("await say('At last');", "await say('At last');\n    await say('One more');") });
      const more = await start([files[0]!]);
      assert.match((await outcome(more, 's0t0n0', files[0]!))!, /After the calls of its record the rollout makes another one.*user: "One more"/);
      await project.write({ 'replayed.ts': source.replace("await say('At last');", '') });
      const less = await start([files[0]!]);
      assert.match((await outcome(less, 's0t0n0', files[0]!))!, /ended after 2 model calls; in the record it makes 3/);
    } finally {
      await project.write({ 'replayed.ts': source });
    }
  });

  it('fail where the reward is another one', async () => {
    const source = await readFile(join(project.dir, 'replayed.ts'), 'utf8');
    await project.write({ 'replayed.ts': source.replace("texts.join('').length", '-1') });
    try {
      const run = await start([files[0]!]);
      const test: RolloutTest = await readRolloutTest(files[0]!);
      assert.match((await outcome(run, 's0t0n0', files[0]!))!, new RegExp(`reward -1, expected ${test.expect.reward}`));
    } finally {
      await project.write({ 'replayed.ts': source });
    }
  });

  it('of files that are no tests are refused at once', async () => {
    const client = await project.client();
    await assert.rejects(client.request('start', project.request(conf, { kind: 'test', test: { files: ['package.json'] } })), { code: 'data', message: /package\.json is no test of a rollout/ });
  });
});

describe('the tasks of a configuration', { timeout: 30_000 }, () => {
  it('are listed with their lines, as many as are asked for', async () => {
    const project = await Project.make();
    const conf = await project.conf({ tasks: ['one', 'two', 'three'] });
    const client = await project.client();
    const asked = { conf, env: {}, cwd: project.dir };
    const list = await client.request('tasks', { ...asked, first: 2 });
    assert.deepEqual(list, { name: 'conf1.jsonl', file: join(project.dir, 'conf1.jsonl'), more: true, tasks: [{ id: 'one-0', query: 'one', line: 1 }, { id: 'two-1', query: 'two', line: 2 }] });
    assert.equal((await client.request('tasks', { ...asked, first: 3 })).more, false);
    await assert.rejects(client.request('tasks', { ...asked, conf: 'nothing.yaml', first: 3 }), { code: 'config' });
    await project.write({ 'trinity.yaml': 'project: p\nbuffer: { explorer_input: { taskset: { path: conf1.jsonl } } }\nmonitor: {}\n' });
    await assert.rejects(client.request('tasks', { ...asked, conf: 'trinity.yaml', first: 1 }), { code: 'config', message: /names no workflow/ });
    assert.equal((await client.request('tasks', { ...asked, conf: 'trinity.yaml', workflow: 'main.ts->solve', first: 1 })).tasks[0]?.id, 'one-0');
  });
});
