import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { before, describe, it } from 'node:test';
import type { Address } from '../../../runtime/backbone/location.ts';
import type { BackboneLine } from '../../../runtime/protocol/backbone.ts';
import { Project, until } from './project.ts';

/** A client that says what it likes. */
class Raw {
  readonly lines: BackboneLine[] = [];
  readonly socket: Socket;
  #heard: () => void = () => {};
  #text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk;
      const whole = this.#text.split('\n');
      this.#text = whole.pop()!;
      this.lines.push(...whole.map((line) => JSON.parse(line) as BackboneLine));
      this.#heard();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#heard());
  }

  static async open({ socket: path }: Address): Promise<Raw> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Raw(socket);
  }

  say(...values: unknown[]): void {
    for (const value of values) this.socket.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
  }

  /** Undefined where the connection was closed instead. */
  async line(fits: (line: BackboneLine) => boolean): Promise<BackboneLine | undefined> {
    for (;;) {
      const found = this.lines.find(fits);
      if (found !== undefined || this.socket.destroyed) return found;
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }

  async answer(id: number): Promise<{ result?: unknown; error?: { code: string; message: string; stack?: string } }> {
    return (await this.line((line) => 'id' in line && line.id === id)) as never;
  }
}

describe('the door of a backbone', { timeout: 30_000 }, () => {
  let project: Project;
  let address: Address;

  before(async () => {
    project = await Project.make();
    await project.client();
    address = project.location.read()!;
  });

  const hello = (more: object = {}): object => ({ id: 1, method: 'hello', params: { token: address.token, protocol: 1, client: 'raw', ...more } });

  for (const [what, line, code] of [
    ['another request before the greeting', { id: 1, method: 'status', params: null }, 'auth'],
    ['a wrong token', { id: 1, method: 'hello', params: { token: 'x', protocol: 1, client: 'raw' } }, 'auth'],
    ['no token', { id: 1, method: 'hello', params: { protocol: 1, client: 'raw' } }, 'protocol'],
    ['no parameters', { id: 1, method: 'hello' }, 'protocol'],
  ] as const) {
    it(`refuses ${what}, closes, and lives on`, async () => {
      const raw = await Raw.open(address);
      raw.say(line);
      assert.equal((await raw.answer(1)).error?.code, code);
      await until(() => raw.socket.destroyed);
      assert.equal((await (await project.client()).request('status', null)).clients, 1);
    });
  }

  it('refuses another protocol and says which is spoken', async () => {
    const raw = await Raw.open(address);
    raw.say(hello({ protocol: 99 }));
    const { error } = await raw.answer(1);
    assert.equal(error?.code, 'protocol');
    assert.match(error!.message, /speaks protocol 1, the client 99/);
  });

  it('answers lines that are no requests, and goes on reading', async () => {
    const raw = await Raw.open(address);
    raw.say(hello(), '{"id":', '\u0000\u0007', 'null', '7', '[]', '{"id":"2","method":"status"}', '{"id":2}', { id: 3, method: 'status', params: null });
    assert.ok('result' in await raw.answer(3));
    assert.equal(raw.lines.filter((line) => 'id' in line && line.id === 0).length, 7);
    raw.socket.destroy();
  });

  it('puts a line together from pieces, and takes two in one', async () => {
    const raw = await Raw.open(address);
    const text = `${JSON.stringify(hello())}\n${JSON.stringify({ id: 2, method: 'status', params: null })}\n`;
    for (let at = 0; at < text.length; at += 7) {
      raw.socket.write(text.slice(at, at + 7));
      if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok('result' in await raw.answer(2));
    raw.socket.destroy();
  });

  it('answers every request with wrong parameters by an error that names it', async () => {
    const raw = await Raw.open(address);
    raw.say(hello());
    await raw.answer(1);
    const strange: unknown[] = [null, 0, -1, 1e308, '', 'x', true, [], {}, [[]], { run: null }, { run: {} }, { run: 'x', rollout: 7 }, { run: 'x', rollout: 'y', decision: { do: 'answer', reply: null } }, { __proto__: 1 }, { constructor: 'x' }];
    const methods = ['hello', 'start', 'attach', 'detach', 'cancel', 'hold', 'pending', 'release', 'shutdown', 'toString', '__proto__', 'constructor', 'nothing', ''];
    let id = 1;
    for (const method of methods) {
      for (const params of strange) raw.say({ id: ++id, method, params });
      raw.say({ id: ++id, method });
    }
    for (let each = 2; each <= id; each++) {
      const { result, error } = await raw.answer(each);
      // To stop listening to what nobody listens to is no mistake.
      if (result === null) continue;
      assert.ok(error !== undefined, `request ${each}`);
      assert.notEqual(error.code, 'internal', error.message);
      assert.equal(error.stack, undefined);
    }
    raw.say({ id: 9_999, method: 'status', params: { not: 'null' } });
    assert.equal((await raw.answer(9_999)).error?.code, 'protocol');
    raw.socket.destroy();
  });

  it('names the key of a start that cannot be', async () => {
    const client = await project.client();
    const start = project.request(await project.conf());
    const refusals: [object, RegExp][] = [
      [{ conf: '' }, /`conf` of "start"/],
      [{ env: { A: 1 } }, /`env\.A`/],
      [{ repeats: 0 }, /`repeats`.*>=1/],
      [{ repeats: 1.5 }, /`repeats`/],
      [{ concurrency: -3 }, /`concurrency`/],
      [{ workers: 1e9 }, /`workers`/],
      [{ temperature: 'hot' }, /`temperature`/],
      [{ tasks: { ids: 'a' } }, /`tasks\.ids`/],
      [{ train: [] }, /`train`/],
      [{ kind: 'replay' }, /`replay`.*belongs to the kind "replay"/],
      [{ rejudge: { dir: 'x' } }, /`rejudge`.*belongs to the kind "rejudge"/],
      [{ kind: 'dance' }, /`kind`/],
    ];
    for (const [wrong, words] of refusals) {
      await assert.rejects(client.request('start', { ...start, ...wrong }), { code: 'usage', message: words });
    }
    await assert.rejects(client.request('start', { ...start, conf: 'nowhere.yaml' }), { code: 'config' });
    await assert.rejects(client.request('start', { ...start, kind: 'replay', replay: { dir: '/nowhere', rollout: 'x', forks: 0 } }), { code: 'trace' });
    assert.deepEqual((await client.request('status', null)).runs, []);
  });

  it('answers an attach before it tells of events', async () => {
    const client = await project.client();
    const { run } = await client.request('start', project.request(await project.conf()));
    const raw = await Raw.open(address);
    raw.say(hello(), { id: 2, method: 'attach', params: { run } });
    await raw.line((line) => 'event' in line && line.event.type === 'finished');
    const answered = raw.lines.findIndex((line) => 'id' in line && line.id === 2);
    const events = raw.lines.flatMap((line) => ('event' in line ? [line.event] : []));
    assert.equal(answered, 1, 'right after the greeting');
    assert.equal(events[0]!.type, 'started');
    assert.deepEqual(events.map(({ seq }) => seq), events.map(({ seq }) => seq).sort((a, b) => a - b));
    raw.socket.destroy();
  });

  it('had nothing to say in its log about all this', () => {
    assert.equal(readFileSync(project.location.log, 'utf8'), '');
  });
});
