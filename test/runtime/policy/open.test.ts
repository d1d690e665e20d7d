import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
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
  const named = await openPolicy('ollama:qwen3', { dir: '.', env: {} });
  assert.deepEqual([named.kind, named.label], ['chat', 'ollama:qwen3']);
  const addressed = await openPolicy({ baseURL: 'http://127.0.0.1:1/v1', apiKey: '', model: 'mine' }, { dir: '.' });
  assert.deepEqual([addressed.kind, addressed.label], ['chat', 'mine']);
});

test('what names no model is told what does', async () => {
  await assert.rejects(openPolicy('./nowhere', { dir: '/tmp' }), { code: 'policy', message: 'There is no model "./nowhere".', where: { file: join('/tmp', 'nowhere') } });
  await assert.rejects(openPolicy('openai:gpt-4o', { dir: '.', env: {} }), { code: 'provider', next: 'Set OPENAI_API_KEY in the environment.' });
  await assert.rejects(openPolicy('policy@best', { dir: '.' }), { code: 'not-here-yet' });
  const directory = await writeTinyModel({ attention: 'grouped' });
  await writeFile(join(directory, 'file'), '');
  await assert.rejects(openPolicy('file', { dir: directory }), /A model is a directory/);
  await rm(directory, { recursive: true });
});
