import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { Crew, type Loss } from '../../../runtime/backbone/crew.ts';
import { isAlive } from '../../../runtime/processes/stamp.ts';
import { WorkerProcess } from '../../../runtime/backbone/worker-process.ts';
import type { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { ProcessStamp } from '../../../runtime/protocol/trace.ts';
import type { FromWorker } from '../../../runtime/protocol/worker.ts';
import { Project, until } from './project.ts';

describe('the workers of a run', { timeout: 60_000, concurrency: 3 }, () => {
  let project: Project;

  before(async () => {
    project = await Project.make();
    await project.write({
      'endless.ts': 'export function never(): never { for (;;); }\nnever();\nexport class W { execute() {} }\n',
      'await.ts': 'await new Promise(() => {});\nexport class W { execute() {} }\n',
      'exit.ts': 'process.exit(5);\nexport class W { execute() {} }\n',
      'strange.ts': `
        import { writeSync } from 'node:fs';
        import { Workflow, WorkflowOutput } from 'tuning-fork';
        export class Strange extends Workflow {
          name = 'strange';
          async execute({ task }, tuner) {
            await tuner.call([{ role: 'user', content: 'hi' }]);
            if (task.mainQuery === 'message') process.send?.('ready');
            if (task.mainQuery === 'pipe') writeSync(4, 'not a report\\n');
            if (task.mainQuery === 'disconnect') process.disconnect();
            if (task.mainQuery === 'late') setTimeout(() => { throw new Error('much too late'); }, 50);
            return new WorkflowOutput({ reward: 1, metadata: { pid: process.pid, send: typeof process.send } });
          }
        }`,
    });
  });

  const crew = (file: string, more: { concurrency?: number; workers?: number; importLimit?: number; className?: string } = {}): { crew: Crew; stamps: ProcessStamp[]; losses: [string, Loss][]; messages: FromWorker[] } => {
    const [stamps, losses, messages]: [ProcessStamp[], [string, Loss][], FromWorker[]] = [[], [], []];
    return {
      stamps, losses, messages,
      crew: new Crew({
        load: { projectDir: project.dir, workflow: { file: join(project.dir, file), className: more.className ?? 'W' }, config: {}, env: {}, limits: { import: more.importLimit ?? 20_000, block: 1_000 }, inspect: false },
        workers: more.workers ?? 1, concurrency: more.concurrency ?? 4, memory: 512,
        message: (message) => messages.push(message),
        lost: (key, loss) => losses.push([key, loss]),
        broken: () => {},
        changed: (now) => void stamps.splice(0, Infinity, ...now),
      }),
    };
  };

  for (const [file, words, line] of [
    ['endless.ts', /^Importing the workflow blocked its process for \d\.\d s/, 1],
    ['await.ts', /^Importing the workflow did not end within 1\.5 s\.$/, undefined],
    ['exit.ts', /^Importing the workflow called process\.exit\(5\)\.$/, 1],
  ] as const) {
    it(`give up an import that never ends: ${file}`, async () => {
      const { crew: workers, stamps } = crew(file, { importLimit: 1_500 });
      await assert.rejects(workers.start(), (error: TuningForkError) => {
        assert.equal(error.code, 'workflow');
        assert.match(error.message, words);
        assert.deepEqual([error.where!.line, error.where!.file], [line, join(project.dir, file)]);
        return true;
      });
      await until(() => !stamps.some(isAlive));
      workers.kill();
    });
  }

  it('never hold more rollouts than asked for, together or one', async () => {
    const { crew: workers } = crew('workflows.ts', { className: 'Acts', workers: 2, concurrency: 3 });
    await workers.start();
    const seated: string[] = [];
    const seats = Promise.all(['a', 'b', 'c', 'd'].map(async (key) => {
      const seat = await workers.seat(key, false);
      seated.push(key);
      return seat;
    }));
    await until(() => seated.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(seated, ['a', 'b', 'c'], 'the fourth waits');
    let alone = false;
    void workers.seat('e', true).then(() => void (alone = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(alone, false, 'and one that is to be alone waits too');
    void seats;
    workers.kill();
  });

  it('tell who was lost with them', async () => {
    const { crew: workers, losses, stamps } = crew('workflows.ts', { className: 'Acts' });
    await workers.start();
    const seats = [await workers.seat('a/1', false), await workers.seat('b/1', false)];
    process.kill(seats[0]!.worker.stamp.pid, 'SIGTERM');
    await until(() => losses.length === 2);
    assert.deepEqual(losses.map(([key, { guilt }]) => [key, guilt]), [['a/1', 'suspect'], ['b/1', 'suspect']]);
    assert.match(losses[0]![1].error.message, /ended \(SIGTERM\)/);
    for (const seat of seats) seat.leave(true);
    const alone = await workers.seat('a/2', true);
    assert.equal(stamps.length, 1);
    alone.worker.kill();
    await until(() => losses.length === 3);
    assert.equal(losses[2]![1].guilt, 'guilty');
    workers.kill();
  });

  it('take the package from the project where it has one, and know its errors', async () => {
    const own = await Project.make();
    const folder = join(own.dir, 'node_modules', 'tuning-fork');
    const root = new URL('../../../', import.meta.url);
    for (const name of ['package.json', 'runtime/sdk', 'runtime/protocol']) await cp(new URL(name, root), join(folder, name), { recursive: true });
    await own.write({ 'own.ts': `
import { Workflow, WorkflowOutput } from 'tuning-fork';
export class Own extends Workflow {
  name = 'own';
  async execute(_task, tuner) {
    await tuner.call([{ role: 'user', content: 'hi' }]);
    return new WorkflowOutput({ reward: NaN, metadata: {} });
  }
}` });
    const run = await own.run({ workflow: 'own.ts->Own', tasks: ['x'] });
    const { error } = await run.record('s0t0n0');
    assert.deepEqual([error?.code, error?.message], ['reward', 'The reward is NaN, which is not a finite number.']);
    assert.deepEqual(error!.where, { file: join(own.dir, 'own.ts'), line: 7, column: 12 });
  });

  it('share the rollouts of a run', async () => {
    const run = await project.run({ tasks: Array(6).fill('wait 250') as string[], rollout: { workers: 3, max_env_worker: 3 } });
    const pids = [...(await run.records()).values()].map(({ metadata }) => metadata.pid);
    assert.ok(new Set(pids).size >= 2, `${new Set(pids).size} processes`);
    assert.equal(run.of('rollout-finished').length, 6);
    assert.deepEqual((await run.reader()).info.workers, []);
  });

  it('are not confused by user code that speaks to whoever started it', async () => {
    const tasks = ['message', 'pipe', 'disconnect', 'late', 'fine'];
    const run = await project.run({ workflow: 'strange.ts->Strange', tasks, rollout: { max_env_worker: 1 } });
    const end = await run.end();
    assert.equal(end.state, 'finished', end.error?.message);
    const records = await run.records();
    assert.equal(records.size, 5);
    assert.deepEqual([records.get('s0t0n0')!.status, records.get('s0t0n0')!.metadata.send], ['finished', 'undefined']);
    assert.equal(records.get('s0t4n0')!.status, 'finished');
    const late = run.of('notice').find(({ notice }) => notice.message.includes('much too late'));
    if (late !== undefined) assert.match(late.notice.where!.file, /strange\.ts$/);
  });

  it('begin with one that was started ahead, unless that has died meanwhile', async () => {
    const client = await project.client();
    const { pid } = await client.request('status', null);
    assert.ok(pid > 0);
    const spare = new WorkerProcess();
    await spare.ready;
    spare.kill();
    await until(() => spare.ended);
    await assert.rejects(spare.load({ projectDir: project.dir, workflow: { file: '', className: '' }, config: {}, env: {}, limits: null, inspect: false }, { message: () => {}, blocked: () => {}, exit: () => {} }), { code: 'worker' });
  });
});
