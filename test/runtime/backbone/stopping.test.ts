import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { JsonObject } from '../../../runtime/protocol/json.ts';
import type { StopOn, Stopped, StopPoint } from '../../../runtime/protocol/stops.ts';
import { Project, until, type ConfOptions, type Followed } from './project.ts';

describe('stopping on meaning', { timeout: 90_000, concurrency: 4 }, () => {
  let project: Project;

  before(async () => {
    project = await Project.make({ copy: ['workflows.ts', 'stopping.ts', 'replayed.ts'] });
    await project.client();
  });

  /** Rollouts of `Comes`, one for each query. */
  async function start(tasks: (string | JsonObject)[], stops: StopPoint[], more: ConfOptions = {}): Promise<Followed> {
    return project.start(await project.conf({ workflow: 'stopping.ts->Comes', judge: 'stopping.ts->Grades', tasks: tasks.map(row), ...more }), { stops });
  }

  function row(task: string | JsonObject): JsonObject {
    return typeof task === 'string' ? { task_id: task, main_query: task, metadata: { reward: 1 } } : { task_id: 'x', main_query: 'x', ...task };
  }

  /** The n-th stop that was told. */
  async function stop(run: Followed, n = 0): Promise<Stopped> {
    return (await run.when('held', (event) => run.of('held').indexOf(event) === n)).stop;
  }

  const kinds: { name: string; task: string | JsonObject; on: StopOn; shows: (stop: Stopped) => void }[] = [
    { name: 'before a model call', task: 'x', on: { on: 'call', role: 'default' }, shows: ({ call, stack }) => {
      assert.equal(call!.messages[0]!.content, 'only');
      assert.deepEqual(stack.map(({ key }) => key), ['ask', 'Comes.execute']);
      assert.deepEqual([call!.site!.line, call!.site!.key], [stack[0]!.line, undefined]);
    } },
    { name: 'after it', task: 'x', on: { on: 'answer' }, shows: ({ answered, stack, call }) => {
      assert.equal(answered!.index, 0);
      assert.deepEqual([stack.length, call], [2, undefined]);
    } },
    { name: 'before a tool', task: 'tool', on: { on: 'tool', name: 'tool' }, shows: ({ tool, stack }) => {
      assert.deepEqual(tool, { name: 'tool', arguments: '{"n":1}' });
      assert.equal(stack[0]!.key, 'Comes.execute');
    } },
    { name: 'where a tool fails', task: 'fail', on: { on: 'error', of: 'tool' }, shows: ({ tool, error, text }) => {
      assert.deepEqual(tool, { name: 'fail', arguments: '{"n":1}', result: 'Error: out of order' });
      assert.deepEqual([error!.code, text], ['tool', 'The tool "fail" failed.']);
    } },
    { name: 'before the judge', task: { metadata: { mark: 1 } }, on: { on: 'judge' }, shows: ({ reward }) => assert.equal(reward, undefined) },
    { name: 'where the judge fails', task: { metadata: {} }, on: { on: 'error', of: 'judge' }, shows: ({ error, stack }) => {
      assert.match(error!.message, /no mark/);
      assert.match(stack[0]!.file, /stopping\.ts$/);
    } },
    { name: 'where the workflow throws', task: 'throw', on: { on: 'error', of: 'workflow' }, shows: ({ error, stack, text }) => {
      assert.deepEqual([error!.code, text], ['rollout-threw', error!.message]);
      assert.deepEqual(stack.map(({ key }) => key).slice(0, 2), ['thrower', 'Comes.execute']);
    } },
    { name: 'at an answer that was cut off', task: 'x', on: { on: 'truncated' }, shows: ({ answered }) => assert.equal(answered!.finish, 'length') },
    { name: 'at a token of little probability', task: 'x', on: { on: 'token', below: 1 }, shows: ({ token, answered }) => {
      assert.ok(Math.abs(Math.log(token!.probability) - answered!.tokens!.logprobs![token!.index]!) < 1e-9);
    } },
    { name: 'at a prompt that does not go on from the one before', task: 'rewrite', on: { on: 'drift' }, shows: ({ answered }) => assert.deepEqual([answered!.index, answered!.continuation], [1, 'rewritten']) },
    { name: 'at a low reward of a judge', task: { metadata: { mark: 0.25 } }, on: { on: 'reward', below: 0.5 }, shows: ({ reward, judge }) => assert.deepEqual([reward, judge], [0.25, { name: 'Grades', reward: 0.25, success: null }]) },
    { name: 'at a low reward of the workflow itself', task: { metadata: { reward: 0.25 } }, on: { on: 'reward', below: 0.5 }, shows: ({ reward, judge }) => assert.deepEqual([reward, judge], [0.25, undefined]) },
  ];

  for (const { name, task, on, shows } of kinds) {
    it(name, async () => {
      const run = await start([task], [{ id: 7, ...on }], { rollout: { max_response_length_in_one_turn: 1 } });
      const held = await stop(run);
      assert.deepEqual([held.on, held.points, held.rollout, held.attempt, held.sample], [on.on, [7], 's0t0n0', 1, 0]);
      shows(held);
      assert.deepEqual(await run.client.request('stopped', { run: run.run }), [held]);
      assert.deepEqual((await run.reader()).count, 0, 'not sealed yet');
      await run.client.request('release', { run: run.run, rollout: held.rollout });
      assert.equal((await run.end()).state, 'finished');
      const record = await run.record('s0t0n0');
      if (on.on === 'error' && on.of !== 'tool') assert.equal(record.error!.message, held.error!.message);
      else assert.notEqual(record.reward, null);
      assert.equal(run.of('held').length, 1);
    });
  }

  it('at the last rollout of a group whose rewards are all equal', async () => {
    const run = await start([{ metadata: { mark: 0.5 } }], [{ id: 1, on: 'no-spread' }], { rollout: { num_repeat: 3 } });
    const held = await stop(run);
    assert.deepEqual([held.on, held.reward], ['no-spread', 0.5]);
    assert.match(held.text, /^All 3 rollouts of the task have the reward 0\.5/);
    await until(() => run.of('rollout-finished').length === 2);
    await run.client.request('release', { run: run.run, rollout: held.rollout });
    await run.end();
    assert.equal(run.of('held').length, 1);
  });

  it('shows after a reconnect what stands still, holds two rollouts at once and lets each go by itself', async () => {
    const run = await start(['a', 'b', 'c'], [{ id: 1, on: 'call', hit: 2 }]);
    await stop(run, 1);
    await run.when('rollout-finished');
    const other = await project.connect();
    const standing = await other.request('stopped', { run: run.run });
    assert.equal(standing.length, 2);
    await until(() => run.of('progress').some(({ progress }) => progress.held === 2));
    const [first, second] = standing;
    assert.deepEqual(await other.request('stopped', { run: run.run, rollout: second!.rollout }), [second]);
    await other.request('release', { run: run.run, rollout: second!.rollout, decision: { do: 'answer', reply: { role: 'assistant', content: 'forced' } } });
    await run.when('rollout-finished', ({ entry }) => entry.id === second!.rollout);
    assert.deepEqual(await other.request('stopped', { run: run.run }), [first]);
    await other.request('cancel', { run: run.run, rollout: first!.rollout });
    await run.end();
    assert.equal((await run.record(first!.rollout)).status, 'cancelled');
    assert.equal((await run.record(second!.rollout)).calls[0]!.reply.content, 'forced');
    assert.equal(run.of('progress').at(-1)!.progress.held, 0);
  });

  it('shows calls that one rollout makes at once one after the other', async () => {
    const run = await start(['both'], [{ id: 1, on: 'call' }]);
    const said: string[] = [];
    for (const n of [0, 1]) {
      const { call, rollout } = await stop(run, n);
      said.push(call!.messages[0]!.content);
      if (n === 0) await until(async () => (await run.client.request('stopped', { run: run.run, rollout })).length === 2);
      await run.client.request('release', { run: run.run, rollout, decision: { do: 'answer', reply: { role: 'assistant', content: `to ${call!.messages[0]!.content}` } } });
    }
    await run.end();
    assert.deepEqual(said.sort(), ['that', 'this']);
    assert.deepEqual(((await run.record('s0t0n0')).metadata.texts as string[]).sort(), ['to that', 'to this']);
  });

  it('steps through all that a rollout does', async () => {
    const run = await project.start(await project.conf({ workflow: 'stopping.ts->Comes', judge: 'stopping.ts->Grades', tasks: [row({ main_query: 'tool', metadata: { mark: 1 } })] }), { stopOnEntry: true });
    const seen: string[] = [];
    for (let n = 0; n < 8; n++) {
      const { on, call, answered, tool, reward, rollout } = await stop(run, n);
      assert.equal(on, 'hold');
      seen.push(call !== undefined ? `call ${call.index}` : answered !== undefined ? `answer ${answered.index}` : tool !== undefined ? `tool ${tool.result ?? ''}` : `reward ${reward}`);
      await run.client.request('release', { run: run.run, rollout, step: true });
    }
    await run.end();
    assert.deepEqual(seen, ['call 0', 'answer 0', 'tool ', 'tool done', 'call 1', 'answer 1', 'reward undefined', 'reward 1']);
  });

  it('changes where rollouts stop that run already', async () => {
    const run = await project.start(await project.conf({ tasks: ['until go'] }));
    await run.when('call');
    await run.client.request('setStops', { run: run.run, stops: [{ id: 3, on: 'answer' }, { id: 4, on: 'reward', below: 2 }] });
    await project.write({ go: '' });
    const held = await stop(run);
    assert.deepEqual([held.answered!.index, held.points], [1, [3]]);
    await run.client.request('setStops', { run: run.run, stops: [] });
    await run.client.request('release', { run: run.run, rollout: held.rollout });
    await run.end();
    assert.equal(run.of('held').length, 1);
  });

  it('holds tools of rollouts that began before anybody wanted to hold them', async () => {
    const run = await project.start(await project.conf({ workflow: 'stopping.ts->Comes', tasks: [row('tool')], rollout: { max_env_worker: 1 } }), { stops: [{ id: 1, on: 'call' }] });
    const held = await stop(run);
    await run.client.request('setStops', { run: run.run, stops: [{ id: 2, on: 'tool' }] });
    await run.client.request('release', { run: run.run, rollout: held.rollout });
    const { tool, rollout } = await stop(run, 1);
    assert.equal(tool!.name, 'tool');
    await run.client.request('cancel', { run: run.run, rollout });
    await run.end();
    assert.deepEqual([(await run.record('s0t0n0')).status, (await run.record('s0t0n0')).tools], ['cancelled', []]);
  });

  it('is over for a rollout whose run is cancelled or whose worker dies', async () => {
    const cancelled = await start(['throw', 'tool'], [{ id: 1, on: 'error', of: 'workflow' }, { id: 2, on: 'tool' }]);
    await stop(cancelled, 1);
    await cancelled.client.request('cancel', { run: cancelled.run });
    assert.equal((await cancelled.end()).state, 'cancelled');
    assert.deepEqual((await cancelled.records()).get('s0t0n0')!.status, 'cancelled');
    assert.equal(cancelled.of('progress').at(-1)!.progress.held, 0);

    const graded = await start([{ metadata: { mark: 0.5 } }], [{ id: 1, on: 'reward', below: 1 }]);
    await stop(graded);
    process.kill((await graded.reader()).info.workers![0]!.pid, 'SIGKILL');
    assert.equal((await graded.end()).state, 'finished');
    assert.equal((await graded.record('s0t0n0')).reward, 0.5, 'its reward was known');

    const called = await start(['x'], [{ id: 1, on: 'call' }]);
    await stop(called);
    process.kill((await called.reader()).info.workers![0]!.pid, 'SIGKILL');
    const again = await stop(called, 1);
    assert.equal(again.attempt, 2);
    await called.client.request('release', { run: called.run, rollout: again.rollout });
    assert.equal((await called.end()).state, 'finished');
  });

  it('at a rollout that took its worker down, and shows where', async () => {
    const run = await project.start(await project.conf({ tasks: ['loop'], rollout: { block_timeout: 1 } }), { stops: [{ id: 1, on: 'error', of: 'workflow' }] });
    const { error, stack, rollout } = await stop(run);
    assert.equal(error!.code, 'rollout-blocked');
    // A busy machine may be too slow to look into a loop.
    assert.deepEqual(stack.map(({ key }) => key), error!.stack === undefined ? [] : ['endlessLoop', 'Acts.execute']);
    await run.client.request('release', { run: run.run, rollout });
    await run.end();
    assert.equal((await run.record(rollout)).error!.code, 'rollout-blocked');
  });

  it('holds replays and forks; a call of the record that is answered otherwise leaves it', async () => {
    const first = await project.run({ workflow: 'replayed.ts->Notes', tasks: ['x'] });
    const replay = { dir: first.dir, rollout: 's0t0n0', forks: 0 };
    const yaml = (await first.reader()).info.conf;
    const run = await project.start(yaml, { kind: 'replay', replay, stops: [{ id: 1, on: 'call' }] });
    const told = await stop(run);
    assert.equal(told.call!.index, 0);
    await run.client.request('release', { run: run.run, rollout: told.rollout });
    const second = await stop(run, 1);
    await run.client.request('setStops', { run: run.run, stops: [] });
    await run.client.request('release', { run: run.run, rollout: second.rollout, decision: { do: 'answer', reply: { role: 'assistant', content: 'something else' } } });
    assert.equal((await run.end()).state, 'finished');
    const [was, is] = [await first.record('s0t0n0'), await run.record('s0t0n0')];
    assert.equal(is.status, 'finished', is.error?.message);
    assert.deepEqual(is.calls[0]!.tokens!.sampled, was.calls[0]!.tokens!.sampled);
    assert.deepEqual([is.calls[1]!.reply.content, is.calls[1]!.why], ['something else', 'intervened']);

    const forks = await project.start(yaml, { kind: 'replay', replay: { ...replay, untilCall: 1, forks: 2 }, stops: [{ id: 1, on: 'tool', name: 'note' }] });
    const held = [await stop(forks), await stop(forks, 1)].map(({ rollout }) => rollout);
    assert.deepEqual(held.sort(), ['s0t0n0f1', 's0t0n0f2']);
    await forks.client.request('setStops', { run: forks.run, stops: [] });
    for (const rollout of held) await forks.client.request('release', { run: forks.run, rollout });
    assert.equal((await forks.end()).state, 'finished');
  });

  it('refuses what can\'t be: unknown kinds, stepping into code without a debugger, pausing what is no training', async () => {
    const run = await start(['x'], [{ id: 1, on: 'call' }]);
    const { rollout } = await stop(run);
    const { client } = run;
    await assert.rejects(client.request('setStops', { run: run.run, stops: [{ id: 1, on: 'nonsense' } as unknown as StopPoint] }), { code: 'protocol', message: /^`stops\.0/ });
    await assert.rejects(client.request('release', { run: run.run, rollout, decision: { do: 'go', into: true } }), { code: 'usage', message: /^No debugger can be attached/ });
    for (const method of ['pause', 'resume', 'checkpoint'] as const) await assert.rejects(client.request(method, { run: run.run }), { code: 'usage', message: /is a rollout; only a training can be/ });
    await client.request('release', { run: run.run, rollout });
    await run.end();
  });
});
