import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { TuningForkError } from '../../../../runtime/protocol/errors.ts';
import { localize } from '../../../../runtime/protocol/localize.ts';
import { embedded } from '../../../../runtime/policy/open.ts';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import { startEmbeddedTrainer } from '../../../../runtime/trainers/embedded/process.ts';
import { checkpointElsewhere, fetchModelFiles, TrainerElsewhere } from '../../../../runtime/trainers/elsewhere.ts';
import type { TrainerProcess } from '../../../../runtime/trainers/process.ts';
import { reachGpu } from '../../../../runtime/trainers/gpu/remote.ts';
import type { GpuPlace } from '../../../../runtime/trainers/gpu/settings.ts';

/** The embedded trainer speaks the same protocol: it stands in for a runtime on another machine. */
let trainer: TrainerProcess;
let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'tuning-fork-remote-'));
  trainer = await startEmbeddedTrainer({ model: embedded, threads: 1, keep: join(home, 'kept') });
  await writeFile(join(home, 'token'), `${trainer.address.token}\n`);
  await mkdir(join(home, 'bin'));
  const ssh = fileURLToPath(new URL('./ssh.mjs', import.meta.url));
  await writeFile(join(home, 'bin/ssh'), `#!/bin/sh\nexec "${process.execPath}" "${ssh}" "$@"\n`);
  await chmod(join(home, 'bin/ssh'), 0o755);
});

after(async () => {
  await trainer.stop();
  await rm(home, { recursive: true, force: true });
});

const env = { HOME: '/nowhere' };
const at = (url: string, given: Partial<Extract<GpuPlace, { kind: 'url' }>> = {}): Extract<GpuPlace, { kind: 'url' }> => ({ kind: 'url', url, token: undefined, tokenFile: join(home, 'token'), certificate: undefined, insecure: false, ...given });
const over = (host: string, given: Partial<Extract<GpuPlace, { kind: 'ssh' }>> = {}): Extract<GpuPlace, { kind: 'ssh' }> => ({ kind: 'ssh', host, url: trainer.address.url, token: undefined, tokenFile: join(home, 'token'), ...given });

test('a runtime is reached at its address, with the token of a file or as it was given', async () => {
  for (const place of [at(trainer.address.url), at(trainer.address.url, { token: trainer.address.token, tokenFile: undefined })]) {
    const reached = await reachGpu(place, { env });
    assert.equal((await reached.client.info()).model, 'embedded');
    assert.equal(reached.elsewhere, true);
    await reached.stop();
  }
  assert.equal((await trainer.client.info()).version, 0, 'it was there before, and stays');
});

test('what is wrong is told with the next step, and without the token', async () => {
  const refused = async (place: Parameters<typeof reachGpu>[0]): Promise<string> => {
    const error = await reachGpu(place, { env }).then(() => assert.fail('it was reached'), (error: Error & { next?: string }) => error);
    assert.ok(!`${error.message}${error.next}`.includes(trainer.address.token));
    return `${error.message} → ${error.next}`;
  };
  assert.match(await refused(at(trainer.address.url, { token: 'wrong' })), /does not take this token.*TUNING_FORK_GPU_TOKEN/);
  assert.match(await refused(at(trainer.address.url, { tokenFile: join(home, 'none') })), /token of the GPU runtime is missing/);
  assert.match(await refused(at('http://127.0.0.1:9')), /No GPU runtime answers at http:\/\/127\.0\.0\.1:9.*gpu serve/);
  assert.match(await refused(at('http://gpu-box:8750')), /unencrypted.*gpu\.ssh/);
});

test('one that is being restarted is waited for, and that is told once', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const notices: string[] = [];
  const reached = reachGpu(at(`http://127.0.0.1:${port}`), { env, patienceMs: 30_000, notice: ({ message }) => notices.push(message) });
  setTimeout(() => void createServer((_, response) => response.end('{"protocol":1}')).listen(port, '127.0.0.1').unref(), 500);
  await (await reached).stop();
  assert.equal(notices.length, 1);
});

test('one of another version is told at once, with both versions, and not waited for', async (context) => {
  const asked: (string | string[] | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    asked.push(headers['tuning-fork-protocol']);
    response.end('{"protocol":2}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => server.close());
  const reached = reachGpu(at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), { env, patienceMs: 30_000 });
  const error = await reached.then(() => assert.fail('it was reached'), (thrown: TuningForkError) => thrown);
  assert.equal(error.message, 'The trainer speaks version 2 of the protocol, and Tuning Fork here version 1.');
  assert.equal(error.next, 'Install the same version of Tuning Fork on both machines.');
  assert.notEqual(localize(error.message, 'zh-cn'), error.message);
  assert.deepEqual(asked, ['1']);
});

test('prompts are built here as the trainer would, and checkpoints come here', async () => {
  const reached = await reachGpu(at(trainer.address.url), { env });
  const info = await reached.client.info();
  const files = await fetchModelFiles(reached.client, info, join(home, 'models'));
  assert.deepEqual((await readdir(files)).sort(), ['chat_template.jinja', 'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json']);
  assert.equal(await fetchModelFiles(reached.client, info, join(home, 'models')), files);
  for (const tokenizerSha256 of ['../../stolen', '', 'A'.repeat(64)]) await assert.rejects(fetchModelFiles(reached.client, { ...info, tokenizerSha256 }, join(home, 'models')), /hash of its tokenizer is none/);
  const policy = await trainerPolicy(reached.address, { directory: files });
  const sampled = await policy.sample({ prompt: policy.tokenizer.encode('2+2='), sampling: { temperature: 0, topP: 1, topK: 0, maxTokens: 4 }, stopIds: new Set(), key: 1n });
  assert.equal(sampled.ids.length, 4);
  await policy.close();

  const elsewhere = new TrainerElsewhere(reached.client, 'run-1');
  const directory = join(home, 'checkpoints/step-1');
  const kept = await elsewhere.checkpoint({ name: 'step-1', directory, optimizer: true });
  assert.deepEqual([kept.name, kept.directory], ['step-1', directory]);
  assert.ok((await readdir(directory)).includes('model.safetensors'));
  assert.ok(!(await readdir(directory)).includes('optimizer.safetensors'), 'what only going on needs stays there');
  assert.deepEqual(await readdir(join(home, 'kept/run-1')), ['step-1']);
  assert.equal(checkpointElsewhere(directory), join(home, 'kept/run-1/step-1'));
  assert.equal((await elsewhere.load('step-1', directory)).version, 0);
  assert.equal((await elsewhere.load('start')).version, 0);
  await reached.stop();
});

test('a tunnel is made to a host, the token read there, and both are gone afterwards', { skip: process.platform === 'win32' }, async () => {
  const path = process.env.PATH;
  process.env.PATH = `${join(home, 'bin')}${delimiter}${path}`;
  try {
    const reached = await reachGpu(over('me@gpu-box'), { env });
    assert.notEqual(new URL(reached.address.url).port, new URL(trainer.address.url).port);
    assert.equal((await reached.client.info()).model, 'embedded');
    assert.equal(reached.stamps.length, 1);
    await reached.stop();
    await assert.rejects(fetch(reached.address.url));

    const said = (place: Parameters<typeof reachGpu>[0]): Promise<string> => reachGpu(place, { env }).then(() => 'reached', (error: Error & { next?: string }) => `${error.message} → ${error.next}`);
    assert.match(await said(over('away', { token: 'x' })), /ssh does not reach away\. It said: .*Connection refused.*ssh away/);
    for (const token of ['x', undefined]) assert.match(await said(over('-oProxyCommand=x', { token })), /ssh does not reach -oProxyCommand=x\. It said: .*Connection refused/, 'a host, never an option');
    assert.match(await said(over('me@gpu-box', { tokenFile: '~/none' })), /could not be read from ~\/none on me@gpu-box.*No such file/);
    assert.match(await said(over('me@gpu-box', { tokenFile: '/etc/passwd; rm x' })), /not passed on/);
    assert.match(await said(over('me@gpu-box', { url: 'http://127.0.0.1:9' })), /On me@gpu-box nothing answers at 127\.0\.0\.1:9/);
  } finally {
    process.env.PATH = path;
  }
});
