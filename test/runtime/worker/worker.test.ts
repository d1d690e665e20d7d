import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WorkerProcess } from '../../../runtime/backbone/worker-process.ts';
import type { BlockedReport, FromWorker, LoadedWorkflow, WorkerLoad } from '../../../runtime/protocol/worker.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/worker/', import.meta.url));
const workflows = `${fixtures}workflows.ts`;

/** Answers every chat completion with the same text. */
let scriptedServer: Server;
let gateway: string;

before(async () => {
  scriptedServer = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 0, model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello' } }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }));
  });
  await new Promise<void>((resolve) => scriptedServer.listen(0, '127.0.0.1', resolve));
  gateway = `http://127.0.0.1:${(scriptedServer.address() as AddressInfo).port}`;
});

after(() => {
  scriptedServer.closeAllConnections();
  scriptedServer.close();
});

class Subject implements AsyncDisposable {
  readonly worker: WorkerProcess;
  readonly messages: FromWorker[] = [];
  readonly exit: Promise<{ code: number | null; signal: string | null; told: string }>;
  blocked: BlockedReport | undefined;
  loaded!: LoadedWorkflow;
  #exited: (how: { code: number | null; signal: string | null; told: string }) => void;
  #heard: () => void = () => {};

  constructor(memory?: number) {
    this.worker = new WorkerProcess(memory);
    const { promise, resolve } = Promise.withResolvers<{ code: number | null; signal: string | null; told: string }>();
    this.exit = promise;
    this.#exited = resolve;
  }

  static async start(load: Partial<WorkerLoad> = {}, memory?: number): Promise<Subject> {
    const subject = new Subject(memory);
    const loading = subject.worker.load({
      projectDir: fixtures, workflow: { file: workflows, className: 'Misbehaves' }, config: {}, env: {}, limits: { import: 10_000, block: 500 }, inspect: false, ...load,
    }, {
      message: (message) => { subject.messages.push(message); subject.#heard(); },
      blocked: (report) => { subject.blocked = report; subject.worker.kill(); },
      exit: (how) => subject.#exited(how),
    });
    loading.catch(() => subject.worker.kill());
    subject.loaded = await loading;
    return subject;
  }

  run(rollout: string, mainQuery: string): void {
    this.worker.send({
      type: 'run',
      start: {
        attempt: 1, gateway, apiKey: 'k', replay: false, asks: false,
        place: { run: 'r', rollout, step: 0, split: 'training', taskIndex: 0, taskId: rollout, sample: 0 },
        task: { taskId: rollout, mainQuery, initMessages: [], envType: '', metadata: {} },
      },
    });
  }

  /** The end of a rollout, or the first message that fits. */
  async message(fits: (message: FromWorker) => boolean): Promise<FromWorker> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }

  async end(rollout: string): Promise<Extract<FromWorker, { type: 'finished' | 'failed' }>> {
    return (await this.message((message) => (message.type === 'finished' || message.type === 'failed') && message.rollout === rollout)) as never;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.worker.kill();
    await this.exit;
  }
}

describe('a worker', () => {
  it('runs rollouts side by side and tells which one said what', async () => {
    await using subject = await Subject.start();
    assert.equal(subject.loaded.name, 'misbehaves');
    assert.equal(subject.loaded.loader, 'strip');
    subject.run('a', '');
    subject.run('b', 'log');
    const end = await subject.end('a');
    assert.deepEqual(end.type === 'finished' && end.output, { reward: 1, isSuccess: null, metadata: { answer: 'hello' }, logMetrics: {} });
    await subject.end('b');
    const log = await subject.message((message) => message.type === 'log');
    const { site, ...said } = log.type === 'log' ? log : assert.fail();
    assert.deepEqual(said, { type: 'log', rollout: 'b', attempt: 1, stream: 'out', text: 'said by b\n', console: true });
    assert.equal(site!.file, workflows);
  });

  for (const [query, code, words] of [
    ['throw', 'rollout-threw', /TypeError: the third wheel came off/],
    ['throw text', 'rollout-threw', /"just a text", which is not an Error/],
    ['exit', 'rollout-exited', /called process\.exit\(7\)/],
    ['exit in a timer', 'rollout-exited', /called process\.exit\(8\)/],
    ['reject aside', 'rollout-threw', /nobody waits for me/],
    ['throw in a timer', 'rollout-threw', /from a timer/],
    ['nan', 'reward', /NaN/],
    ['text reward', 'reward', /"one"/],
  ] as const) {
    it(`charges "${query}" to the rollout that did it, with its place, and to no other`, async () => {
      await using subject = await Subject.start();
      subject.run('innocent', 'slow');
      subject.run('guilty', query);
      const end = await subject.end('guilty');
      assert.equal(end.type, 'failed');
      if (end.type !== 'failed') return;
      assert.equal(end.error.code, code);
      assert.match(end.error.message, words);
      if (query !== 'throw text') assert.match(end.error.where?.file ?? '', /workflows\.ts$/);
      if (query === 'throw') assert.match(end.error.stack!.split('\n')[1]!, /thrower .*workflows\.ts:\d+/);
      assert.equal((await subject.end('innocent')).type, 'finished');
    });
  }

  it('names the rollout and the line of a loop that never ends, from outside of it', async () => {
    await using subject = await Subject.start();
    subject.run('innocent', 'hang');
    subject.run('guilty', 'loop');
    const { signal } = await subject.exit;
    assert.equal(signal, 'SIGKILL');
    assert.equal(subject.blocked?.rollout, 'guilty');
    assert.equal(subject.blocked?.attempt, 1);
    assert.match(subject.blocked!.stack!.split('\n')[0]!, /endlessLoop .*workflows\.ts:\d+/);
  });

  it('tells of code that goes on after its rollout has ended', async () => {
    await using subject = await Subject.start();
    subject.run('guilty', 'late');
    assert.equal((await subject.end('guilty')).type, 'finished');
    const late = await subject.message((message) => message.type === 'late-error');
    assert.equal(late.type === 'late-error' && late.rollout, 'guilty');
  });

  it('dies with words where a rollout uses up its memory', async () => {
    await using subject = await Subject.start({ limits: null }, 64);
    subject.run('guilty', 'memory');
    assert.match((await subject.exit).told, /heap out of memory/);
  });

  it('is gone when whoever started it is', async () => {
    await using subject = await Subject.start();
    subject.worker.child.disconnect();
    assert.equal((await subject.exit).code, 0);
  });
});

describe('loading user code', () => {
  it('compiles what type stripping cannot: enums, parameter properties, extensionless imports, .js for .ts, paths', async () => {
    await using subject = await Subject.start({ workflow: { file: `${fixtures}loader/needs-transform.ts`, className: 'NeedsTransform' } });
    assert.equal(subject.loaded.loader, 'transform');
    subject.run('a', '');
    const end = await subject.end('a');
    assert.equal(end.type === 'finished' && end.output.reward, 112);
    subject.run('b', 'throw');
    const failed = await subject.end('b');
    assert.equal(failed.type === 'failed' && failed.error.where?.line, 14, 'mapped back to the source');
    subject.run('c', 'loop');
    await subject.exit;
    assert.equal(subject.blocked?.where?.line, 15, 'also from outside of a loop');
  });

  for (const [className, reward] of [['first', 1], ['second', 2]] as const) {
    it(`takes ${className} of a file that gives tune() two functions, and waits for each`, async () => {
      await using subject = await Subject.start({ workflow: { file: `${fixtures}tuned-twice.ts`, className } });
      subject.run('a', '');
      const end = await subject.end('a');
      assert.equal(end.type === 'finished' && end.output.reward, reward);
    });
  }

  it('takes the one AgentWorkflow that is not abstract, and a grader from a file of its own', async () => {
    await using subject = await Subject.start({ workflow: { file: `${fixtures}entrypoint.ts`, className: '*' }, judge: { file: `${fixtures}grader.ts`, className: 'Half' } });
    subject.run('a', '');
    const end = await subject.end('a');
    assert.deepEqual(end.type === 'finished' && end.output.metadata.samples, { default: { messages: [{ role: 'assistant', content: 'concrete' }] } });
  });

  for (const [what, workflow, words] of [
    ['a missing file', { file: `${fixtures}nowhere.ts`, className: 'X' }, /nowhere\.ts does not exist/],
    ['a function that tune() did not get', { file: `${fixtures}tuned-twice.ts`, className: 'third' }, /no exported class third/],
    ['an entrypoint without a workflow', { file: `${fixtures}grader.ts`, className: '*' }, /^INVALID_WORKFLOW_CLASS: No AgentWorkflow subclass found in 'grader\.ts'\.$/],
    ['a file of ours without its class', { file: workflows, className: '*' }, /^The class that is meant in this file is not named\.$/],
    ['a missing class', { file: workflows, className: 'Missbehaves' }, /no exported class Missbehaves/],
    ['an export that is no class', { file: workflows, className: 'notAClass' }, /no exported class notAClass/],
    ['a syntax error', { file: `${fixtures}syntax-error.ts`, className: 'Broken' }, /Importing failed/],
    ['a constructor that throws', { file: workflows, className: 'ThrowsWhenMade' }, /constructor of ThrowsWhenMade threw: not today/],
    ['empty trainableTargets', { file: workflows, className: 'EmptyTargets' }, /nothing would be trained/],
  ] as const) {
    it(`refuses ${what} with one sentence`, async () => {
      await assert.rejects(Subject.start({ workflow }), (error: Error & { code: string; next: string }) => {
        assert.equal(error.code, 'workflow');
        assert.match(error.message, words);
        assert.ok(error.next === undefined || error.next.length > 10);
        return true;
      });
    });
  }
});
