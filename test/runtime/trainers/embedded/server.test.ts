import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { before, test } from 'node:test';
import { trainerPolicy } from '../../../../runtime/policy/trainer.ts';
import type { TrainerRefusal } from '../../../../runtime/protocol/trainer.ts';
import type { TrainerProcess } from '../../../../runtime/trainers/process.ts';
import { encodeScore, encodeStep, type WirePack } from '../../../../runtime/trainers/packs.ts';
import { packOf, sampleGroup, start, stepOf } from '../world.ts';

let trainer: TrainerProcess;
let pack: WirePack;
let body: Uint8Array<ArrayBuffer>;

before(async () => {
  trainer = await start({ bodyLimit: 1_000_000 });
  const policy = await trainerPolicy(trainer.address);
  pack = packOf(await sampleGroup(policy), [1, -1, 1, -1]);
  body = new Uint8Array(encodeStep([pack], stepOf()));
  await policy.close();
});

interface Answer {
  status: number;
  error: TrainerRefusal['error'];
}

async function send(method: string, path: string, content?: Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(trainer.address.url + path, { method, body: content, headers: { authorization: `Bearer ${trainer.address.token}`, ...headers }, signal: AbortSignal.timeout(20_000) });
  const text = await answer.text();
  const { error } = answer.status >= 400 ? JSON.parse(text) as TrainerRefusal : { error: { code: 'internal' as const, message: '' } };
  return { status: answer.status, error };
}

test('says what it is', async () => {
  const info = await trainer.client.info();
  assert.deepEqual([info.protocol, info.model, info.version, info.durableVersion, info.parameters, info.context, info.shape], [1, 'embedded', 0, 0, 870_528, 1024, { layers: 4, width: 128, causalKernel: false }]);
  assert.ok(info.memory > 1e7);
});

test('nobody is served without the token, and no page under another name', async () => {
  for (const authorization of ['', 'Bearer', `Bearer ${trainer.address.token}x`, `bearer ${trainer.address.token}`, `Basic ${trainer.address.token}`]) {
    const { status, error } = await send('GET', '/v1/info', undefined, { authorization });
    assert.deepEqual([status, error.code], [401, 'auth']);
  }
  const answer = await raw(`GET /v1/info HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer ${trainer.address.token}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 403 .*"evil\.example\\" is not this server/s);
});

test('another version of the protocol is told both, and what to do', async () => {
  const { status, error } = await send('GET', '/v1/info', undefined, { 'tuning-fork-protocol': '2' });
  assert.deepEqual([status, error.message], [400, 'The trainer speaks version 1 of the protocol, and Tuning Fork here version 2.']);
  assert.match(error.next!, /same version of Tuning Fork on both machines/);
  assert.equal((await send('GET', '/v1/info', undefined, { 'tuning-fork-protocol': '1' })).status, 200);
});

test('unknown paths and methods are told what there is', async () => {
  assert.match((await send('GET', '/v2/info')).error.next!, /\/v1\/sample/);
  assert.equal((await send('GET', '/v1/constructor')).status, 404);
  assert.equal((await send('GET', '/__proto__')).status, 404);
  const { status, error } = await send('GET', '/v1/step');
  assert.deepEqual([status, error.next], [405, 'Use POST.']);
  assert.equal((await send('POST', '/v1/checkpoints/%ff/load', '{}')).status, 404);
  assert.equal((await send('POST', '/v1/checkpoints/never/load', '{}')).status, 404);
});

test('bodies that are too long are refused before they are read', async () => {
  const { status, error } = await send('POST', '/v1/step', new Uint8Array(1_000_001));
  assert.deepEqual([status, error.message], [413, 'The body is longer than 1000000 bytes.']);
  // Without a length told, too: the answer comes while there is more to send.
  const answer = await raw(`POST /v1/step HTTP/1.1\r\nhost: ${new URL(trainer.address.url).host}\r\nauthorization: Bearer ${trainer.address.token}\r\ntransfer-encoding: chunked\r\n\r\nf4241\r\n${'x'.repeat(1_000_001)}`);
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

const sampling = { temperature: 1, topP: 1, topK: 0, maxTokens: 4 };
const sample = { prompt: [5], sampling, stopIds: [], key: '1' };
const bodies: [string, string, unknown, RegExp][] = [
  ['/v1/sample', 'no JSON', '{', /not JSON/],
  ['/v1/sample', 'null', null, /cannot be read/],
  ['/v1/sample', 'no prompt', { ...sample, prompt: undefined }, /"prompt"/],
  ['/v1/sample', 'a prompt of words', { ...sample, prompt: ['a'] }, /"prompt\.0"/],
  ['/v1/sample', 'a token id that is none', { ...sample, prompt: [1.5] }, /token id 1\.5/],
  ['/v1/sample', 'a temperature that is none', { ...sample, sampling: { ...sampling, temperature: -1 } }, /"sampling\.temperature"/],
  ['/v1/sample', 'a key that is none', { ...sample, key: '-1' }, /"key"/],
  ['/v1/sample', 'a key of more than 64 bits', { ...sample, key: '18446744073709551616' }, /below 2\^64/],
  ['/v1/sample', 'an unknown checkpoint', { ...sample, checkpoint: 'x' }, /no checkpoint "x"/],
  ['/v1/sample', 'a checkpoint that is no folder', { ...sample, checkpoint: '/nowhere' }, /no config\.json/],
  ['/v1/checkpoints', 'a relative folder', { name: 'a', directory: 'a', optimizer: true }, /absolute path/],
  ['/v1/checkpoints', 'a name that is a path', { name: '../a', directory: '/tmp/a', optimizer: true }, /"name"/],
  ['/v1/checkpoints', 'a name of dots', { name: '..', directory: '/tmp/a', optimizer: true }, /dots/],
  ['/v1/checkpoints', 'a folder with a zero', { name: 'a', directory: '/tmp/\0', optimizer: true }, /zero/],
  ['/v1/checkpoints/a/load', 'a folder without a checkpoint', { directory: '/nowhere' }, /no checkpoint of a training/],
];

for (const [path, name, content, wanted] of bodies) {
  test(`${path} refuses ${name} with a sentence`, async () => {
    const { status, error } = await send('POST', path, typeof content === 'string' ? content : JSON.stringify(content));
    assert.ok(status >= 400 && status < 500, `${status}`);
    assert.match(error.message, wanted);
  });
}

test('step and score refuse what is wrong with their settings, by name', async () => {
  const change = (from: string, to: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(Buffer.from(body).toString('latin1').replace(from, to.padEnd(from.length)), 'latin1'));
  for (const [from, to, wanted] of [
    ['\\"learningRate\\":0.001', '\\"learningRate\\":-1', /"settings\.learningRate"/],
    ['\\"packs\\":[0]', '\\"packs\\":[7]', /names pack 7/],
    ['\\"packs\\":[0]', '\\"packs\\":[]', /"updates\.0\.packs"/],
    ['\\"denominator\\":4', '\\"denominator\\":0', /"updates\.0\.denominator"/],
    ['\\"temperature\\":1', '\\"temperature\\":0', /"settings\.temperature"/],
    ['\\"klCoef\\":0', '\\"klCoef\\":9', /no reference logprob, and klCoef is 9/],
  ] as const) {
    const { status, error } = await send('POST', '/v1/step', change(from, to));
    assert.equal(status, 400, error.message);
    assert.match(error.message, wanted);
  }
  assert.match((await send('POST', '/v1/score', body)).error.message, /"temperature"/);
});

test('400 damaged bodies are refused, or taken where the damage is harmless; the trainer lives on, its weights where they were', async () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const scored = new Uint8Array(encodeScore([pack], { temperature: 1 }));
  const before = await trainer.client.score([pack], { temperature: 1 });
  let taken = 0;
  for (let attempt = 0; attempt < 400; attempt++) {
    const [path, whole] = attempt % 2 === 0 ? ['/v1/score', scored] as const : ['/v1/step', body] as const;
    const damaged = whole.slice(0, random(10) === 0 ? random(whole.length) : whole.length);
    const header = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    for (let flips = 1 + random(3); flips > 0; flips--) damaged[random(random(2) === 0 ? Math.min(header, damaged.length) : damaged.length)] = random(256);
    const { status, error } = await send('POST', path, path === '/v1/step' ? belated(damaged) : damaged);
    if (status === 200) taken++;
    else assert.ok(status >= 400 && status < 500 && error.message.length > 10, `${status}: ${error.message}`);
  }
  assert.ok(taken > 0 && taken < 200, `${taken} were taken`);
  assert.deepEqual(await trainer.client.score([pack], { temperature: 1 }), before);
});

test('what is no HTTP is answered and the door stays open', async () => {
  assert.match(await raw('\x16\x03\x01garbage\r\n\r\n'), /^HTTP\/1\.1 400 .*not an HTTP request/s);
  assert.equal((await send('GET', '/v1/info')).status, 200);
});

test('a caller that goes away in the middle of its body leaves the trainer as it was', async () => {
  const socket = connect(Number(new URL(trainer.address.url).port), '127.0.0.1');
  socket.write(`POST /v1/step HTTP/1.1\r\nhost: ${new URL(trainer.address.url).host}\r\nauthorization: Bearer ${trainer.address.token}\r\ncontent-length: 1000\r\n\r\nabc`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  assert.equal((await trainer.client.info()).version, 0);
});

/** A step that can't be made, whatever else is damaged: the weights are not at that version. */
function belated(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(Buffer.from(bytes).toString('latin1').replace('\\"version\\":0', '\\"version\\":5'), 'latin1'));
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(trainer.address.url).port), '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.includes('}}')) socket.destroy();
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}
