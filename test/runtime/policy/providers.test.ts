import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { detectLocalServers, resolveProviderModel } from '../../../runtime/policy/providers.ts';

test('provider:model takes its key and address from the environment', () => {
  assert.deepEqual(resolveProviderModel('openai:gpt-4o', { OPENAI_API_KEY: 'k' }),
    { provider: 'openai', model: 'gpt-4o', apiKey: 'k', apiKeyEnv: 'OPENAI_API_KEY', baseURL: 'https://api.openai.com/v1' });
  assert.equal(resolveProviderModel('ollama:qwen3:0.6b', {})!.model, 'qwen3:0.6b');
  assert.equal(resolveProviderModel('vllm:a/b', { VLLM_BASE_URL: 'http://gpu:8000/v1' })!.baseURL, 'http://gpu:8000/v1');
  assert.equal(resolveProviderModel('./some/path', {}), undefined);
  assert.throws(() => resolveProviderModel('openai:gpt-4o', {}), /OPENAI_API_KEY is not set/);
  assert.throws(() => resolveProviderModel('opnai:gpt-4o', {}), /no provider "opnai"/);
  assert.throws(() => resolveProviderModel('constructor:x', {}), /no provider/);
});

test('servers on this machine are found by what they say of themselves', async () => {
  const server = createServer((_, response) => { response.end(JSON.stringify({ data: [{ id: 'qwen', owned_by: 'vllm' }] })); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const nobody = 'http://127.0.0.1:1/v1';
  const found = await detectLocalServers({
    vllm: { baseURL, local: { owner: 'vllm' } }, llamacpp: { baseURL, local: { owner: 'llamacpp' } }, ollama: { baseURL: nobody, local: {} }, openai: { baseURL },
  });
  server.close();
  assert.deepEqual(found, [{ provider: 'vllm', baseURL, models: ['qwen'] }]);
});
