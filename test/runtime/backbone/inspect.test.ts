import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAlive } from '../../../runtime/processes/stamp.ts';
import type { ProcessStamp } from '../../../runtime/protocol/trace.ts';
import { Debugger } from './debugger.ts';
import { Project, until, type Followed } from './project.ts';

/** Once it stands in the run's file, which is written while the worker starts. */
async function workerOf(run: Followed): Promise<ProcessStamp> {
  await until(async () => (await run.reader()).info.workers!.length > 0);
  return (await run.reader()).info.workers![0]!;
}

describe('a run under a debugger', { timeout: 60_000 }, () => {
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
    const stamp = await workerOf(run);
    assert.equal(stamp.pid, pid);
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
    await until(() => !isAlive(stamp));
    attached.socket.close();
  });

  it('ends with its backbone, also while it waits', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf(), { inspect: true });
    await run.when('inspector');
    const stamp = await workerOf(run);
    await project.close();
    await project.connect();
    await until(() => !isAlive(stamp));
  });

  it('can be cancelled while it waits', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf(), { inspect: true });
    await run.when('inspector');
    await run.client.request('cancel', { run: run.run });
    assert.equal((await run.end()).state, 'cancelled');
  });

  it('stops where a call was made when it is stepped into, whoever answers it, and nowhere else', async () => {
    const project = await Project.make({ files: { 'into.ts': INTO, 'transformed.ts': INTO.replace('export class Into', 'enum Unstrippable { yes }\nexport class Into') } });
    for (const file of ['into.ts', 'transformed.ts']) {
      const tasks = file === 'into.ts' ? ['plain', 'agent', 'openai', 'loop', 'tool', 'judge'] : ['loop', 'judge'];
      const run = await project.start(await project.conf({ workflow: `${file}->Into`, judge: `${file}->Marks`, tasks }), {
        inspect: true, stops: [{ id: 1, on: 'call' }, { id: 2, on: 'tool' }, { id: 3, on: 'judge' }],
      });
      const attached = await Debugger.attach((await run.when('inspector')).url);
      await attached.send('Runtime.enable');
      await attached.send('Debugger.enable');
      await attached.send('Runtime.runIfWaitingForDebugger');
      const stepped: string[] = [];
      for (let n = 0; ; n++) {
        const held = await run.when('held', (event) => run.of('held').indexOf(event) === n).catch(() => undefined);
        if (held === undefined) break;
        const { rollout, on, task } = held.stop;
        const kind = task.split('-')[0]!;
        const into = !stepped.includes(kind) && on === (kind === 'tool' || kind === 'judge' ? kind : 'call');
        await run.client.request('release', { run: run.run, rollout, decision: { do: 'go', into } });
        if (!into) continue;
        stepped.push(kind);
        await until(() => attached.pauses.length === stepped.length);
        await attached.send('Debugger.resume');
      }
      assert.equal((await run.end()).state, 'finished');
      const lines = INTO.split('\n');
      assert.deepEqual(attached.pauses, tasks.map((kind) => {
        const line = 1 + lines.findIndex((text) => text.endsWith(`// ${kind}`));
        const name = kind === 'judge' ? 'judge' : kind === 'loop' ? 'ask' : 'execute';
        return { name, file: `file://${project.dir}/${file}`, line: file === 'into.ts' ? line : attached.pauses[tasks.indexOf(kind)]!.line };
      }));
      attached.socket.close();
    }
  });

  it('waits for one to grade stored rollouts again too, and gives it the time it takes', async () => {
    const project = await Project.make({ files: { 'into.ts': INTO } });
    const options = { workflow: 'into.ts->Into', judge: 'into.ts->Marks', tasks: ['plain'], rollout: { timeout: 0.5 } };
    const first = await project.run(options);
    const run = await project.start(await project.conf(options), { kind: 'rejudge', rejudge: { dir: first.dir }, inspect: true });
    const attached = await Debugger.attach((await run.when('inspector')).url);
    await attached.send('Debugger.enable');
    await attached.send('Debugger.setBreakpointByUrl', { lineNumber: INTO.split('\n').findIndex((line) => line.endsWith('// judge')), urlRegex: 'into\\.ts$' });
    await attached.send('Runtime.runIfWaitingForDebugger');
    await until(() => attached.pauses.length === 1);
    assert.equal(attached.pauses[0]!.name, 'judge');
    await new Promise((resolve) => setTimeout(resolve, 800));
    await attached.send('Debugger.resume');
    assert.equal((await run.end()).state, 'finished');
    assert.equal((await run.record('s0t0n0')).status, 'finished');
    attached.socket.close();
  });

  it('goes on where a rollout is stepped into and no debugger is there any more', async () => {
    const project = await Project.make({ files: { 'into.ts': INTO } });
    const run = await project.start(await project.conf({ workflow: 'into.ts->Into', judge: 'into.ts->Marks', tasks: ['plain'] }), { inspect: true, stopOnEntry: true });
    const attached = await Debugger.attach((await run.when('inspector')).url);
    await attached.send('Runtime.runIfWaitingForDebugger');
    const { stop } = await run.when('held');
    attached.socket.close();
    await run.client.request('release', { run: run.run, rollout: stop.rollout, decision: { do: 'go', into: true } });
    assert.equal((await run.end()).state, 'finished');
  });
});

const INTO = `import { Judge, ReActAgent, tool, Toolkit, Workflow, WorkflowOutput } from 'tuning-fork';

export class Into extends Workflow {
  name = 'into';
  async execute({ task }, tuner) {
    const kind = task.mainQuery;
    let text = '';
    if (kind === 'agent') {
      const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner });
      const answer = await agent.reply('hi');
      text = answer.text; // agent
    } else if (kind === 'openai') {
      const completion = await tuner.asOpenAI().chat.completions.create({ model: 'x', messages: [{ role: 'user', content: 'hi' }] });
      text = completion.choices[0].message.content; // openai
    } else if (kind === 'loop') {
      text = await ask(tuner);
    } else {
      const reply = await tuner.call([{ role: 'user', content: 'hi' }]);
      text = reply.text; // plain
    }
    if (kind === 'tool') {
      const toolkit = new Toolkit([tool({ name: 'add', description: 'adds', run: () => 'three' })]);
      const result = await toolkit.call({ id: 'a', type: 'function', function: { name: 'add', arguments: '{}' } });
      text = result.text; // tool
    }
    return new WorkflowOutput({ metadata: { text } });
  }
}

async function ask(tuner) {
  for (let turn = 0; turn < 2;
    turn++) { // loop
    await tuner.call([{ role: 'user', content: 'hi' }]);
  }
  return 'said';
}

export class Marks extends Judge {
  async judge(task, output) {
    const { text } = output.metadata; // judge
    return { reward: text.length, success: null };
  }
}
`;
