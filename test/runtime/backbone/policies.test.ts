import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PolicyCache } from '../../../runtime/backbone/policies.ts';
import { embedded } from '../../../runtime/policy/open.ts';
import type { ChatPolicy, TokenPolicy } from '../../../runtime/policy/policy.ts';
import { startEmbeddedTrainer } from '../../../runtime/trainers/embedded/process.ts';
import { gpuSettings } from '../../../runtime/trainers/gpu/settings.ts';

/** A port whose other end can be away. */
class Door {
  #server: Server | undefined;
  #sockets: Socket[] = [];
  port = 0;

  async open(target: number): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const [one, other] of [[near, far], [far, near]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy()).pipe(other);
      this.#sockets.push(near, far);
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

test('a GPU runtime that is gone is no model that is loaded: the next run hears so at its start, and one after that finds it again', async () => {
  const home = await mkdtemp(join(tmpdir(), 'tuning-fork-policies-'));
  const trainer = await startEmbeddedTrainer({ model: embedded, threads: 1 });
  const door = new Door();
  const cache = new PolicyCache();
  const env = { TUNING_FORK_HOME: home };
  try {
    await door.open(Number(new URL(trainer.address.url).port));
    const gpu = gpuSettings({ gpu: { url: `http://127.0.0.1:${door.port}`, token: trainer.address.token }, lora: undefined, trainer_common: {} as never }, { model: embedded, dir: home, env });
    const get = (): Promise<TokenPolicy> => cache.get({ gpu, model: 'embedded' }, home, env) as Promise<TokenPolicy>;
    const sample = async (policy: TokenPolicy): Promise<number> => (await policy.sample({
      prompt: policy.tokenizer.encode('2+2='), sampling: { temperature: 0, topP: 1, topK: 0, maxTokens: 4 }, stopIds: new Set(), key: 1n,
    })).ids.length;
    const first = await get();
    assert.equal(await get(), first, 'loaded, it stays loaded');
    await door.close();
    await assert.rejects(get(), /No GPU runtime answers at/);
    await door.open(Number(new URL(trainer.address.url).port));
    const again = await get();
    assert.notEqual(again, first);
    assert.equal(await sample(again), 4);
  } finally {
    await cache.close();
    await door.close();
    await trainer.stop();
    await rm(home, { recursive: true, force: true });
  }
});

test('of the models that were loaded the last few stay', async () => {
  const policies = new PolicyCache();
  const open = (model: string): Promise<ChatPolicy> => policies.get({ baseURL: 'http://127.0.0.1:1/v1', apiKey: '', model }, '.', {}) as Promise<ChatPolicy>;
  for (const model of ['a', 'b', 'c', 'd', 'e', 'f']) await open(model);
  const forgotten = await open('b');
  for (const model of ['a', 'd', 'e', 'f']) await open(model);
  assert.equal(policies.labels().length, 6, 'while runs go on nothing is closed under them');
  await policies.trim();
  assert.deepEqual(policies.labels(), ['a', 'd', 'e', 'f']);
  await assert.rejects(forgotten.complete({ messages: [], sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 1 } }), /was closed/);
  assert.notEqual(await open('b'), forgotten);
  await policies.close();
});
