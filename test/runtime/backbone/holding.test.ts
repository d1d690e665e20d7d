import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promptIds } from '../../../runtime/trace/index.ts';
import { Project, until } from './project.ts';

describe('holding a rollout', { timeout: 60_000, concurrency: 2 }, () => {
  let project: Project;

  before(async () => {
    project = await Project.make();
    await project.client();
  });

  it('lets the others finish, stops its clock, and shows the exact prompt', async () => {
    const run = await project.start(await project.conf({ tasks: ['until held', 'call'], rollout: { timeout: 1.5 } }));
    const { client } = run;
    const rollout = 's0t0n0';
    assert.deepEqual(await client.request('stopped', { run: run.run, rollout }), []);
    await run.when('call', (event) => event.rollout === rollout);
    await client.request('hold', { run: run.run, rollout });
    await project.write({ held: '' });
    const { stop } = await run.when('held');
    const call = stop.call!;
    await run.when('rollout-finished', ({ entry }) => entry.id === 's0t1n0');
    const held = Date.now();
    assert.deepEqual(await client.request('stopped', { run: run.run }), [stop]);
    assert.deepEqual([stop.on, stop.points, stop.task, stop.sample, stop.attempt], ['hold', [], 'until held-0', 0, 1]);
    assert.match(stop.stack[0]!.key!, /say$/);
    assert.deepEqual([call.rollout, call.index, call.role, call.messages], [rollout, 1, 'default', [{ role: 'user', content: 'Done' }]]);
    assert.match(call.site!.file, /workflows\.ts$/);
    assert.equal(call.sampling.maxTokens, 6);
    await until(() => run.of('progress').some(({ progress }) => progress.held === 1));
    await sleep(1_700 - (Date.now() - held));
    await client.request('release', { run: run.run, rollout });
    assert.equal((await run.end()).state, 'finished');
    await run.when('released', (event) => event.rollout === rollout);
    const record = await run.record(rollout);
    assert.equal(record.status, 'finished', 'although it was held for longer than it may run');
    assert.ok(record.duration < 1_500, `${record.duration} ms`);
    assert.deepEqual(promptIds(record, 1), call.prompt!.ids, 'what was shown is what was sampled from');
    assert.match(call.prompt!.text, /^<\|im_start\|>user\nDone/);
    assert.equal(record.calls[1]!.why, undefined);
    assert.equal(run.of('progress').at(-1)!.progress.held, 0);
  });

  it('before it starts holds its first call, and a decision edits it or answers it; neither is trained', async () => {
    const conf = await project.conf({ tasks: ['wait 200', 'call', 'call 2'], rollout: { max_env_worker: 1 } });
    const run = await project.start(conf);
    const { client } = run;
    for (const rollout of ['s0t1n0', 's0t2n0']) await client.request('hold', { run: run.run, rollout });
    const edited = await run.when('held', ({ stop }) => stop.rollout === 's0t1n0');
    assert.equal(edited.stop.call!.index, 0);
    await client.request('release', { run: run.run, rollout: 's0t1n0', decision: { do: 'edit', messages: [{ role: 'user', content: 'Something else' }], sampling: { maxTokens: 3 } } });
    await run.when('held', ({ stop }) => stop.rollout === 's0t2n0');
    await client.request('release', { run: run.run, rollout: 's0t2n0', decision: { do: 'answer', reply: { role: 'assistant', content: 'I was told to say this.' } } });
    await run.end();

    const asked = await run.record('s0t1n0');
    const [call] = asked.calls;
    assert.deepEqual(call!.history.add, [{ role: 'user', content: 'Something else' }]);
    assert.ok(call!.edited !== undefined);
    assert.equal(call!.why, 'intervened');
    assert.equal(call!.sampling.maxTokens, 3);
    assert.ok(call!.tokens!.sampled.length <= 3);

    const answered = await run.record('s0t2n0');
    assert.equal(answered.calls[0]!.reply.content, 'I was told to say this.');
    assert.equal(answered.calls[0]!.why, 'intervened');
    assert.equal(answered.calls[0]!.tokens!.logprobs, undefined, 'nobody sampled it');
    assert.equal((answered.metadata.texts as string[])[0], 'I was told to say this.', 'the agent got it');
    assert.equal(answered.calls[1]!.why, undefined, 'the next call is its own again');
    const reader = await run.reader();
    assert.equal(reader.entry(reader.find('s0t1n0')).trained, 0);
    assert.equal(reader.entry(reader.find('s0t2n0')).trained, answered.calls[1]!.tokens!.sampled.length);
  });

  it('steps from call to call, ends with a cancel, and is refused where nothing is left to hold', async () => {
    const run = await project.start(await project.conf({ tasks: ['call 9'] }));
    const { client } = run;
    const rollout = 's0t0n0';
    await client.request('hold', { run: run.run, rollout });
    for (const index of [0, 1, 2]) {
      await run.when('held', ({ stop }) => stop.call?.index === index);
      await client.request('release', { run: run.run, rollout, step: true });
      await run.when('held', ({ stop }) => stop.answered?.index === index);
      await client.request('release', { run: run.run, rollout, step: true });
    }
    await run.when('held', ({ stop }) => stop.call?.index === 3);
    await client.request('cancel', { run: run.run, rollout });
    await run.end();
    const record = await run.record(rollout);
    assert.deepEqual([record.status, record.calls.length], ['cancelled', 3]);
    assert.equal(run.of('progress').at(-1)!.progress.held, 0);
    await assert.rejects(client.request('hold', { run: run.run, rollout }), { code: 'usage', message: `Rollout ${rollout} has ended already.` });
    assert.deepEqual(await client.request('stopped', { run: run.run, rollout }), []);
    assert.equal(await client.request('release', { run: run.run, rollout }), null);
  });

  it('stays with it when its worker is lost through another', async () => {
    const run = await project.start(await project.conf({ tasks: ['wait 100', 'loop'], rollout: { block_timeout: 1 } }));
    const rollout = 's0t0n0';
    await run.client.request('hold', { run: run.run, rollout });
    await run.when('requeued', (event) => event.rollout === rollout);
    const again = await run.when('held', ({ seq }) => seq > run.of('requeued')[0]!.seq);
    assert.equal(again.stop.call!.index, 0);
    await run.client.request('release', { run: run.run, rollout });
    await run.end();
    assert.equal((await run.record(rollout)).attempt, 2);
    assert.equal(run.of('progress').at(-1)!.progress.held, 0);
  });
});
