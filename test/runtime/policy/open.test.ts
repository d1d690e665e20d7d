import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { openPolicy } from '../../../runtime/policy/open.ts';
import { writeTinyModel } from './onnx/tiny-models.ts';

test('the embedded policy and a directory are opened as token policies', async () => {
  const directory = await writeTinyModel({ attention: 'grouped' });
  for (const spec of ['embedded', `./${basename(directory)}`, directory]) {
    const policy = await openPolicy(spec, { dir: dirname(directory) });
    assert.equal(policy.kind, 'tokens');
    assert.equal(policy.label, basename(spec));
    await policy.close();
  }
  await rm(directory, { recursive: true });
});

test('provider:model and addresses are opened as chat policies', async () => {
  const named = await openPolicy('openai:gpt-4o', { dir: '.', env: { OPENAI_API_KEY: 'sk-test-only' } });
  assert.deepEqual([named.kind, named.label], ['chat', 'openai:gpt-4o']);
  const addressed = await openPolicy({ baseURL: 'http://127.0.0.1:1/v1', apiKey: '', model: 'mine' }, { dir: '.' });
  assert.deepEqual([addressed.kind, addressed.label], ['chat', 'mine']);
});

test('a server on this machine that is not running is told when the model is opened, not by every rollout', async () => {
  // Nobody listens on port 1234 of a machine that runs the tests, or somebody does, and then it opens.
  const opened = await openPolicy('lmstudio:x', { dir: '.', env: {} }).catch((error: TuningForkError) => error);
  if (opened instanceof TuningForkError) {
    assert.equal(opened.code, 'provider');
    assert.match(opened.message, /No server answers at http:\/\/127\.0\.0\.1:1234/);
  } else {
    assert.equal(opened.kind, 'chat');
  }
});

test('what names no model is told what does', async () => {
  await assert.rejects(openPolicy('./nowhere', { dir: '/tmp' }), { code: 'policy', message: 'There is no model "./nowhere".', where: { file: join('/tmp', 'nowhere') } });
  await assert.rejects(openPolicy('openai:gpt-4o', { dir: '.', env: {} }), { code: 'provider', next: 'Set OPENAI_API_KEY in the environment.' });
  await assert.rejects(openPolicy('policy@best', { dir: '.' }), { code: 'policy' });
  const directory = await writeTinyModel({ attention: 'grouped' });
  await writeFile(join(directory, 'file'), '');
  await assert.rejects(openPolicy('file', { dir: directory }), /A model is a directory/);
  await rm(directory, { recursive: true });
});
