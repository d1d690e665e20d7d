import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAlive } from '../../../runtime/backbone/stamp.ts';
import { Project, until } from './project.ts';

interface Message {
  id?: number;
  method?: string;
  params?: { callFrames?: { functionName: string; location: { lineNumber: number } }[] };
  result?: { breakpointId?: string; locations?: unknown[] };
}

/** The least that a debugger does. */
class Debugger {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;
  #id = 0;
  #heard: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.messages.push(JSON.parse(String(data)) as Message);
      this.#heard();
    });
  }

  static async attach(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    return new Debugger(socket);
  }

  async send(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#id;
    this.socket.send(JSON.stringify({ id, method, params }));
    return this.message((message) => message.id === id);
  }

  async message(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }
}

describe('a run under a debugger', { timeout: 30_000 }, () => {
  it('waits for one before user code is imported, stops at its breakpoints, and no clock of ours runs', async () => {
    const project = await Project.make({
      files: { 'stops.ts': `import { Workflow, WorkflowOutput } from 'tuning-fork';
console.log('imported');
export class Stops extends Workflow {
  name = 'stops';
  async execute(_task, tuner) {
    const { text } = await tuner.call([{ role: 'user', content: 'hi' }]);
    return new WorkflowOutput({ reward: text.length });
  }
}
` },
    });
    const run = await project.start(await project.conf({ workflow: 'stops.ts->Stops', tasks: ['x', 'y'], rollout: { block_timeout: 0.3, timeout: 0.5 } }), { inspect: true, tasks: { first: 1 } });
    const { url, pid } = await run.when('inspector');
    const [stamp] = (await run.reader()).info.workers!;
    assert.equal(stamp!.pid, pid);
    const attached = await Debugger.attach(url);
    await attached.send('Runtime.enable');
    await attached.send('Debugger.enable');
    await attached.send('Debugger.setBreakpointByUrl', { lineNumber: 5, urlRegex: 'stops\\.ts$' });
    assert.deepEqual(run.of('log'), [], 'nothing of the user\'s runs yet');
    await attached.send('Runtime.runIfWaitingForDebugger');
    const paused = await attached.message(({ method }) => method === 'Debugger.paused');
    assert.deepEqual([paused.params!.callFrames![0]!.functionName, paused.params!.callFrames![0]!.location.lineNumber], ['execute', 5]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.deepEqual(run.of('rollout-finished'), [], 'longer than it may run or block, and nobody minds');
    await attached.send('Debugger.resume');
    assert.equal((await run.end()).state, 'finished');
    assert.equal((await run.record('s0t0n0')).status, 'finished');
    await until(() => !isAlive(stamp!));
    attached.socket.close();
  });

  it('ends with its backbone, also while it waits', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf(), { inspect: true });
    await run.when('inspector');
    const [stamp] = (await run.reader()).info.workers!;
    await project.close();
    await project.connect();
    await until(() => !isAlive(stamp!));
  });

  it('can be cancelled while it waits', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf(), { inspect: true });
    await run.when('inspector');
    await run.client.request('cancel', { run: run.run });
    assert.equal((await run.end()).state, 'cancelled');
  });
});
