import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { Redactor } from '../../../runtime/trace/redact.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { call, folder, newRun, place, rollout } from './samples.ts';

const KEY = 'sk-Zq81/+a"b\\c-secret';

test('values of secrets go, wherever and however they stand in a text', () => {
  const hidden = new Redactor([KEY]).redact({
    plain: `key ${KEY}!`, list: [KEY, 1], [`in ${KEY}`]: 1,
    json: JSON.stringify({ token: KEY }), twice: JSON.stringify(JSON.stringify([KEY])), url: `?k=${encodeURIComponent(KEY)}`,
  });
  assert.deepEqual(hidden, {
    plain: 'key [secret]!', list: ['[secret]', 1], 'in [secret]': 1,
    json: '{"token":"[secret]"}', twice: JSON.stringify('["[secret]"]'), url: '?k=[secret]',
  });
});

test('values under key-like names go, references and lookalikes stay', () => {
  const value = {
    api_key: 'abc', apiKey: 'abc', 'x-api-key': 'abc', OPENAI_API_KEY: 'abc', Authorization: 'Bearer x', password: 1234, client_secret: 'x',
    max_tokens: 5, secret: 'the word to guess', api_keys_used: 3, tokens: { from: 1 }, api_key_env: 'NAME',
  };
  assert.deepEqual(new Redactor([]).redact(value), {
    api_key: '[secret]', apiKey: '[secret]', 'x-api-key': '[secret]', OPENAI_API_KEY: '[secret]', Authorization: '[secret]', password: '[secret]',
    client_secret: '[secret]', max_tokens: 5, secret: 'the word to guess', api_keys_used: 3, tokens: { from: 1 }, api_key_env: 'NAME',
  });
  const untouched = { api_key: '${OPENAI_API_KEY}', properties: { api_key: { type: 'string' } } };
  assert.equal(new Redactor(['none', '']).redact(untouched), untouched);
});

test('no file of a run holds a secret, nor its token ids', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun({ config: { model: { api_key: 'short', base: KEY } }, error: { code: 'policy', message: KEY } }), { secrets: [KEY] });
  const leaking = rollout(0, 4, 8);
  leaking.calls[1]!.history.add[0]!.content = `env says ${KEY}`;
  leaking.calls[3]!.history.from = null;
  leaking.calls[3]!.tokens!.from = null;
  leaking.task = { mainQuery: KEY, headers: { authorization: 'Bearer abc' } };
  leaking.log = [`using ${KEY}`];
  await writer.journal.begin(place(0, { taskId: KEY }), 1);
  for (const each of leaking.calls) await writer.journal.call('s0t0n0', 1, each);
  await writer.journal.tool('s0t0n0', 1, { ...leaking.tools[0]!, result: JSON.stringify({ key: KEY }) });
  const [flight] = await (await openRunReader(writer.dir)).inFlight();
  assert.deepEqual(flight!.calls.map(({ tokens }) => tokens !== undefined), [true, false, false, true]);
  const files = async (): Promise<string> => {
    const texts = await Promise.all((await readdir(writer.dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
      .map(async (entry) => {
        const bytes = await readFile(join(entry.parentPath, entry.name));
        return entry.name.endsWith('.gz') && bytes.length > 0 ? gunzipSync(bytes).toString() : bytes.toString();
      }));
    return texts.join('\n');
  };
  const before = await files();
  await writer.seal(leaking);
  await writer.close();
  const after = await files();
  for (const text of [before, after]) {
    assert.ok(text.includes('[secret]'));
    for (const leak of ['sk-Zq81', 'Bearer abc', '"short"']) assert.ok(!text.includes(leak), leak);
  }
  const record = await (await openRunReader(writer.dir)).read('s0t0n0');
  assert.deepEqual(record.calls.map(({ tokens, why }) => [tokens !== undefined, why]), [
    [true, undefined], [false, 'no-token-ids'], [false, 'no-token-ids'], [true, undefined],
  ]);
  assert.equal(record.calls[0]!.reply, record.calls[0]!.reply);
  assert.deepEqual(call(0).tools, record.calls[0]!.tools);
});
