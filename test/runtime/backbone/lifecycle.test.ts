import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BackboneClient, connectBackbone } from '../../../runtime/backbone/client.ts';
import { isAlive, stampOf } from '../../../runtime/processes/stamp.ts';
import type { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { Followed, Project, until } from './project.ts';

/** Not beside others: how long it stays is told to a backbone by the environment. */
describe('a backbone that nobody uses', { timeout: 60_000 }, () => {
  it('ends after a while, not before, and a run is a use', async (t) => {
    const before = process.env.TUNING_FORK_IDLE_MS;
    process.env.TUNING_FORK_IDLE_MS = '250';
    t.after(() => void (process.env.TUNING_FORK_IDLE_MS = before));
    const project = await Project.make();
    const client = await project.connect();
    const { process: stamp, socket } = project.location.read()!;
    const { dir } = await client.request('start', project.request(await project.conf({ tasks: ['wait 700'] })));
    client.close();
    const closed = Date.now();
    await until(() => !isAlive(stamp));
    assert.ok(Date.now() - closed > 700, 'the run came to its end first');
    assert.deepEqual(readdirSync(project.location.dir), ['backbone.log'], `${socket} and all else is removed`);
    assert.equal((await openRunReader(dir)).info.state, 'finished');
  });
});

describe('the life of a backbone', { timeout: 60_000, concurrency: 3 }, () => {
  it('begins with its first client, in a folder that is nobody else\'s, and a second client finds it', async () => {
    const project = await Project.make();
    assert.equal(await connectBackbone({ project: project.dir, client: 'test', startIfAbsent: false }), undefined);
    const client = await project.client();
    const status = await client.request('status', null);
    assert.equal(status.project, project.dir);
    assert.equal(status.clients, 1);
    assert.equal(status.version, project.location.read()!.version);
    const { dir } = project.location;
    assert.equal(statSync(dir).mode & 0o777, 0o700);
    if (process.platform === 'linux') assert.equal(readlinkSync(`/proc/${status.pid}/cwd`), '/', 'Windows would let nobody rename the project');
    assert.equal(statSync(join(dir, '..')).mode & 0o777, 0o700);
    for (const name of ['backbone.json', 'lock', 'backbone.log']) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    const second = (await connectBackbone({ project: project.dir, client: 'test', startIfAbsent: false }))!;
    assert.equal((await second.request('status', null)).pid, status.pid);
    assert.equal((await second.request('status', null)).clients, 2);
    second.close();
    await until(async () => (await client.request('status', null)).clients === 1);
  });

  it('is one for all clients that start it at the same moment', async () => {
    const project = await Project.make();
    const clients = await Promise.all([project.connect(), project.connect(), project.connect()]);
    const all = await Promise.all(clients.map((client) => client.request('status', null)));
    assert.equal(new Set(all.map(({ pid }) => pid)).size, 1);
    for (const client of clients) client.close();
  });

  it('is not shut down under a run unless forced, and then the run is cancelled', async () => {
    const project = await Project.make();
    const client = await project.client();
    const { process: stamp } = project.location.read()!;
    const run = await project.start(await project.conf({ tasks: ['wait 20000'] }));
    await run.when('call');
    await assert.rejects(client.request('shutdown', { force: false }), { code: 'backbone', message: 'Rollouts are still running.' });
    await client.request('shutdown', { force: true });
    await client.closed;
    await until(() => !isAlive(stamp));
    const reader = await run.reader();
    assert.equal(reader.info.state, 'cancelled');
    assert.equal(reader.entry(0).status, 'cancelled');
    assert.equal((await run.end()).state, 'cancelled');
  });

  it('is found dead after kill -9, whoever has its pid now, and the next one clears up', async () => {
    const project = await Project.make();
    const first = await project.connect();
    const dead = project.location.read()!;
    process.kill(dead.process.pid, 'SIGKILL');
    await first.closed;
    await until(() => !isAlive(dead.process));
    assert.equal(project.location.read(), undefined, 'its address is none');
    // The same pid, given to a later process: this one.
    const reused = { pid: process.pid, started: dead.process.started };
    writeFileSync(join(project.location.dir, 'lock'), JSON.stringify(reused));
    writeFileSync(join(project.location.dir, 'backbone.json'), JSON.stringify({ ...dead, process: reused }));
    const second = await project.connect();
    const living = project.location.read()!;
    assert.notEqual(living.process.pid, dead.process.pid);
    assert.equal((await second.request('status', null)).pid, living.process.pid);
    assert.deepEqual(readdirSync(project.location.dir).filter((name) => name.endsWith('.sock')), [living.socket.split('/').at(-1)]);
  });

  it('answers for a lock that says nothing: a file that is torn is no lock', async () => {
    const project = await Project.make();
    writeFileSync(join(project.location.dir, 'lock'), '{"pid":');
    writeFileSync(join(project.location.dir, 'backbone.json'), '');
    assert.ok(await project.client());
  });

  it('that does not answer is told by its process, and nobody waits for ever', async () => {
    const project = await Project.make();
    await (await project.connect()).request('status', null);
    const { process: stamp } = project.location.read()!;
    process.kill(stamp.pid, 'SIGSTOP');
    await assert.rejects(connectBackbone({ project: project.dir, client: 'test', timeout: 400 }), (error: TuningForkError) => {
      assert.equal(error.code, 'backbone');
      assert.equal(error.message, `The backbone of this project (process ${stamp.pid}) does not answer.`);
      return error.next !== undefined;
    });
    process.kill(stamp.pid, 'SIGKILL');
  });

  it('of another version makes way for the current one, but not while it runs something', async () => {
    const project = await Project.make();
    const run = await project.start(await project.conf({ tasks: ['until go'] }));
    const address = project.location.read()!;
    project.location.publish({ ...address, version: 'older' });
    await assert.rejects(project.connect(), { code: 'backbone', message: 'A backbone of version older is still running rollouts of this project.' });
    await project.write({ go: '' });
    assert.equal((await run.end()).state, 'finished');
    const next = await project.connect();
    assert.notEqual((await next.request('status', null)).pid, address.process.pid);
    assert.equal(isAlive(address.process), false);
    next.close();
  });

  it('goes on with a run whose client was killed', async () => {
    const project = await Project.make();
    const conf = await project.conf({ tasks: ['until go', 'call'] });
    const script = `
      const { connectBackbone } = await import(${JSON.stringify(new URL('../../../runtime/backbone/client.ts', import.meta.url).href)});
      const client = await connectBackbone({ project: ${JSON.stringify(project.dir)}, client: 'doomed' });
      const { run, dir } = await client.request('start', ${JSON.stringify(project.request(conf))});
      await client.attach(run, (event) => event.type === 'rollout-started' && console.log(JSON.stringify({ run, dir })));
    `;
    const doomed = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const told = await new Promise<string>((resolve) => doomed.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    doomed.kill('SIGKILL');
    const { run, dir } = JSON.parse(told.split('\n')[0]!) as { run: string; dir: string };
    await project.write({ go: '' });
    const followed = await Followed.attach(await project.client(), run, dir);
    assert.equal((await followed.end()).state, 'finished');
    assert.equal((await followed.reader()).count, 2);
    assert.deepEqual(followed.of('rollout-finished').map(({ entry }) => entry.status), ['finished', 'finished']);
  });

  it('refuses the wrong token, and an address that was changed', async () => {
    const project = await Project.make();
    const client = await project.client();
    const address = project.location.read()!;
    await assert.rejects(BackboneClient.open({ ...address, token: 'guessed' }, 'test'), { code: 'auth' });
    assert.equal((await client.request('status', null)).clients, 1, 'and lives on');
    assert.deepEqual(stampOf(address.process.pid), address.process);
  });
});
