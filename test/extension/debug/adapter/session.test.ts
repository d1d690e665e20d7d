import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { openRunReader, type RolloutRecord } from '../../../../runtime/trace/index.ts';
import type { Client } from './client.ts';
import { golden, World } from './world.ts';

describe('the debug adapter', { timeout: 120_000 }, () => {
  let world: World;
  let conf: string;

  before(async () => {
    world = await World.make();
    conf = await world.conf(['2 + 3 = 5', '13 + 1 = 14', 'say nothing = 0']);
  });

  const top = async (client: Client, threadId: number): Promise<{ id: number; name: string }[]> => (await client.request('stackTrace', { threadId })).stackFrames;
  const scope = async (client: Client, frameId: number, name: string): Promise<number> => {
    const { scopes } = await client.request('scopes', { frameId });
    return (scopes as { name: string; variablesReference: number }[]).find((one) => one.name === name)!.variablesReference;
  };
  const recordOf = async (dir: string, rollout = 's0t0n0'): Promise<RolloutRecord> => (await openRunReader(dir)).read(rollout);

  it('tells what it can do', async () => {
    const client = await world.session();
    await client.request('initialize', { adapterID: 'tuning-fork', pathFormat: 'path' });
    await golden('initialize', client.transcript.replaceAll(/,"(?=supports|exception|filter)/g, ',\n  "'));
  });

  it('runs one rollout of the first task under a debugger to its end', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf));
    await client.event('terminated');
    await client.request('disconnect');
    await golden('launch', client.transcript);
  });

  it('runs without debugging: no inspector, no stops, a group for the rollouts of a task', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { noDebug: true, repeats: 2 }), { breakpoints: [{ name: 'model' }] });
    await client.event('terminated');
    await golden('no-debug', client.transcript);
  });

  it('refuses what cannot be launched, with a sentence and the next step', async () => {
    const lines: string[] = [];
    for (const launch of [world.launch(''), world.launch('nowhere.yaml'), world.launch(conf, { repeats: 0 }), world.launch(conf, { inspect: { dir: world.project.dir, rollout: 's0t0n0' } })]) {
      const client = await world.session();
      await client.start(launch, {}, async () => {});
      lines.push(client.transcript);
    }
    await golden('refused', lines.join(''));
  });

  it('ends with a sentence when there is no such task', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { task: 'sum-7' }));
    await client.event('terminated');
    await golden('no-such-task', client.transcript);
  });

  it('says of each breakpoint and filter whether it understands it', async () => {
    const client = await world.session();
    await client.request('setFunctionBreakpoints', {
      breakpoints: [{ name: 'model' }, { name: 'answer:solver', hitCondition: '>= 2' }, { name: 'tool:add', hitCondition: '> 2' }, { name: 'judge' }, { name: 'judge:x' }, { name: 'modle:solver' }, { name: 'execute' }, { name: 'model', hitCondition: 'often' }],
    });
    await client.request('setExceptionBreakpoints', { filters: ['workflow', 'reward'], filterOptions: [{ filterId: 'reward', condition: '< 0.5' }, { filterId: 'token', condition: '2' }, { filterId: 'reward', condition: 'low' }, { filterId: 'else' }] });
    await client.request('setBreakpoints', { source: { path: 'adder.ts' }, breakpoints: [{ line: 3 }] });
    await client.event('output', ({ output }) => output.includes('else'));
    await golden('breakpoints', client.transcript);
  });

  it('stops before a model call, shows all of it, and goes on with edited messages', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'model', hitCondition: '2' }] });
    const { dir } = await client.event('tuningFork/run');
    const { threadId } = await client.event('stopped');
    await client.request('threads');
    const frames = await top(client, threadId);
    for (const name of ['Messages', 'Sampling', 'Task']) await client.request('variables', { variablesReference: await scope(client, frames[0]!.id, name) });
    const turn = frames.find(({ name }) => name.startsWith('turn 1'))!;
    const { variables: [prompt, answer] } = await client.request('variables', { variablesReference: await scope(client, turn.id, 'Tokens') });
    await client.request('variables', { variablesReference: prompt.variablesReference, filter: 'indexed', start: 2, count: 3 });
    await client.request('variables', { variablesReference: answer.variablesReference, filter: 'indexed', start: 0, count: 2 });
    const { call } = await client.request('tuningFork/stop', { threadId });
    await client.request('tuningFork/release', { threadId, decision: { do: 'edit', messages: [...call.messages.slice(0, -1), { ...call.messages.at(-1), content: '6' }] } });
    await client.event('terminated');
    await golden('edit-messages', client.transcript);
    const record = await recordOf(dir);
    assert.deepEqual([record.metadata.answer, record.reward, record.calls[1]!.why], ['6', 0.25, 'intervened']);
  });

  it('goes on with what was changed in the Variables view', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { stopOnEntry: true }));
    const { dir } = await client.event('tuningFork/run');
    const { threadId } = await client.event('stopped');
    const [frame] = await top(client, threadId);
    const sampling = await scope(client, frame!.id, 'Sampling');
    await client.request('setVariable', { variablesReference: sampling, name: 'maxTokens', value: '1' });
    await client.refused('setVariable', { variablesReference: sampling, name: 'temperature', value: 'hot' });
    const { variables } = await client.request('variables', { variablesReference: await scope(client, frame!.id, 'Messages') });
    await client.request('setVariable', { variablesReference: variables[1].variablesReference, name: 'content', value: 'say yes' });
    await client.refused('setVariable', { variablesReference: await scope(client, frame!.id, 'Task'), name: 'id', value: '"x"' });
    await client.request('evaluate', { expression: 'messages[1].content', frameId: frame!.id, context: 'watch' });
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('set-variable', client.transcript);
    const { calls } = await recordOf(dir);
    assert.deepEqual([calls[0]!.history.add.at(-1)!.content, calls[0]!.sampling.maxTokens, calls[0]!.reply.content], ['say yes', 1, 'y']);
  });

  it('gives a forced answer to the agent', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'model:default' }] });
    const { dir } = await client.event('tuningFork/run');
    const { threadId } = await client.event('stopped');
    await client.request('tuningFork/release', { threadId, decision: { do: 'answer', reply: { role: 'assistant', content: '5' } } });
    await client.event('terminated');
    await golden('forced-answer', client.transcript);
    assert.deepEqual((await recordOf(dir)).calls.map(({ reply }) => reply.content), ['5']);
  });

  it('steps from a call to its answer, to the tool, its result, and the judge', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'tool:add' }] });
    let { threadId } = await client.event('stopped');
    for (let step = 0; step < 5; step++) {
      const [frame] = await top(client, threadId);
      if (step < 2) await client.request('variables', { variablesReference: await scope(client, frame!.id, 'Tool') });
      await client.request('next', { threadId });
      ({ threadId } = await client.event('stopped'));
    }
    const [frame] = await top(client, threadId);
    await client.request('variables', { variablesReference: await scope(client, frame!.id, 'Reward Parts') });
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('step', client.transcript);
  });

  it('stops at a low reward, a truncated answer, an unlikely token', async () => {
    const client = await world.session();
    const long = await world.conf(['say 4444 = 3', 'say a very long answer that nobody reads to its end = 2']);
    await client.launch(world.launch(long, { tasks: 2 }), { filters: [{ filterId: 'reward', condition: '0.5' }, { filterId: 'truncated' }, { filterId: 'token' }] });
    for (let stop = 0; stop < 4; stop++) {
      const { threadId } = await client.event('stopped');
      await client.request('exceptionInfo', { threadId });
      await client.request('continue', { threadId });
    }
    await client.event('terminated');
    await golden('filters', client.transcript);
  });

  it('stops at errors of the tool, the workflow and the judge', async () => {
    const client = await world.session();
    const bad = await world.conf(['13 + 1 = 14', 'say nothing = 0', 'say something = unknown']);
    await client.launch(world.launch(bad, { tasks: 3 }), { filters: ['tool', 'workflow', 'judge'].map((filterId) => ({ filterId })) });
    for (let stop = 0; stop < 3; stop++) {
      const { threadId } = await client.event('stopped');
      await client.request('exceptionInfo', { threadId });
      await top(client, threadId);
      await client.request('continue', { threadId });
    }
    await client.event('terminated');
    await golden('errors', client.transcript);
  });

  it('stops when a group has one reward', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { repeats: 2 }), { filters: [{ filterId: 'no-spread' }] });
    const { threadId } = await client.event('stopped');
    await top(client, threadId);
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('no-spread', client.transcript);
  });

  it('evaluates paths, and answers what it does not understand', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'judge' }] });
    const { threadId } = await client.event('stopped');
    const [frame] = await top(client, threadId);
    const evaluate = (expression: string, context: string): Promise<unknown> => client.request('evaluate', { expression, context, frameId: frame!.id });
    for (const expression of ['messages.length', 'messages[2].content', 'tokens[0]', 'tokens.length', 'calls[0].reply.tool_calls[0].function.name', 'tools[0].result', 'sampling.temperature', 'task.taskId']) await evaluate(expression, 'watch');
    await evaluate('help', 'repl');
    for (const expression of ['reward', 'answer.text', '1 + 1', 'messages[9]']) await client.refused('evaluate', { expression, context: 'hover', frameId: frame!.id });
    await client.request('completions', { text: 'mes', column: 4, frameId: frame!.id });
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('evaluate', client.transcript);
  });

  it('forks a held rollout from a turn, by request, by the console and by its frame', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'model', hitCondition: '2' }] });
    const { threadId } = await client.event('stopped');
    const frames = await top(client, threadId);
    await client.request('tuningFork/frame', { frameId: frames[0]!.id });
    await client.request('tuningFork/rollout', { threadId });
    await client.refused('tuningFork/fork', { threadId, call: 0, token: 5, forks: 1 });
    await client.request('tuningFork/fork', { threadId, call: 1, forks: 2 });
    const { dir, rewards } = await client.event('tuningFork/forked');
    assert.deepEqual(rewards, [1, 1]);
    assert.deepEqual((await recordOf(dir, 's0t0n0f2')).parent, { rollout: 's0t0n0', call: 1 });
    await client.request('evaluate', { expression: 'fork(1)', context: 'repl', frameId: frames[0]!.id });
    await client.event('tuningFork/forked');
    await client.request('restartFrame', { frameId: frames.find(({ name }) => name.startsWith('turn 1 ·'))!.id });
    await client.event('tuningFork/forked');
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('fork', client.transcript);
  });

  it('forks from a token of an answer: the tokens before it are kept', async () => {
    const client = await world.session();
    const embedded = await world.conf(['2 + 3 = 5'], { max_response_length_in_one_turn: 12, temperature: 20 }, { path: 'embedded' });
    await client.launch(world.launch(embedded), { breakpoints: [{ name: 'answer' }], filters: [{ filterId: 'token', condition: '1' }] });
    const { dir: parentDir } = await client.event('tuningFork/run');
    const { threadId } = await client.event('stopped');
    const [frame] = await top(client, threadId);
    const { variables: [, answer] } = await client.request('variables', { variablesReference: await scope(client, frame!.id, 'Tokens') });
    const { variables: [token] } = await client.request('variables', { variablesReference: answer.variablesReference, filter: 'indexed', start: 3, count: 1 });
    assert.equal(token.evaluateName, 'calls[0].tokens[3]');
    assert.deepEqual(await client.request('tuningFork/frame', { frameId: frame!.id }), { dir: parentDir, rollout: 's0t0n0', call: 0, token: 0 });
    await client.request('tuningFork/fork', { threadId, call: 0, token: 3, forks: 4 });
    const { dir, token: at } = await client.event('tuningFork/forked');
    await client.request('evaluate', { expression: 'fork(1, 0, 2)', context: 'repl', frameId: frame!.id });
    assert.equal((await client.event('tuningFork/forked')).token, 2);
    await client.request('terminate');
    const forks = await Promise.all([1, 2, 3, 4].map((fork) => recordOf(dir, `s0t0n0f${fork}`)));
    const answers = forks.map(({ calls }) => calls[0]!.tokens!.sampled);
    assert.deepEqual([at, ...forks.map(({ parent }) => parent)], [3, ...forks.map(() => ({ rollout: 's0t0n0', call: 0, token: 3 }))]);
    assert.equal(new Set(answers.map((ids) => ids.slice(0, 3).join())).size, 1, 'what comes before is kept');
    assert.ok(new Set(answers.map((ids) => ids.join())).size > 1, 'what comes after is not');
    assert.deepEqual((await openRunReader(dir)).info.replay, { dir: parentDir, rollout: 's0t0n0', untilCall: 0, untilToken: 3, forks: 4 });
  });

  it('walks through a stored rollout, forwards and backwards, and forks it', async () => {
    const run = await world.project.start(conf, { tasks: { first: 1 }, repeats: 1 });
    await run.end();
    const client = await world.session();
    await client.launch(world.launch(conf, { inspect: { dir: run.dir, rollout: 's0t0n0' } }), { breakpoints: [{ name: 'tool' }] });
    const { threadId } = await client.event('stopped');
    await client.request('threads');
    for (const way of ['next', 'next', 'stepBack', 'continue', 'reverseContinue', 'reverseContinue', 'stepBack']) {
      await top(client, threadId);
      await client.request(way, { threadId });
      await client.event('stopped');
    }
    await client.request('tuningFork/fork', { threadId, call: 1, forks: 1 });
    await client.event('tuningFork/forked');
    for (let way = 0; way < 2; way++) {
      await client.request('continue', { threadId });
      await client.event('stopped');
    }
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('walk', client.transcript);
  });

  it('starts again in the same session', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { stopOnEntry: true }));
    await client.event('stopped');
    await client.request('restart', {});
    const { threadId } = await client.event('stopped');
    await client.request('continue', { threadId });
    await client.event('terminated');
    await golden('restart', client.transcript);
  });

  it('pauses and cancels one rollout, then all', async () => {
    const client = await world.session();
    await client.launch(world.launch(conf, { repeats: 3, stopOnEntry: true }));
    const first = await client.event('stopped');
    await client.request('pause', { threadId: first.threadId });
    await client.refused('continue', { threadId: 99 });
    await client.request('terminateThreads', { threadIds: [first.threadId] });
    await client.event('stopped');
    await client.request('terminate');
    await client.event('terminated');
    await client.request('disconnect');
    await golden('cancel', client.transcript);
  });

  it('tells when the backbone is gone', async () => {
    const other = await World.make();
    const client = await other.session();
    await client.launch(other.launch(await other.conf(['2 + 3 = 5']), { stopOnEntry: true }));
    await client.event('stopped');
    await other.project.close();
    await client.event('terminated');
    await golden('backbone-gone', client.transcript.replaceAll(other.project.dir, '${project}'));
  });
});
