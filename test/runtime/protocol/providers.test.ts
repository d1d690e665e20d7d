import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorInfo } from '../../../runtime/protocol/errors.ts';
import { isSecretName, missingKey, providers } from '../../../runtime/protocol/providers.ts';
import { fillVariables } from '../../../runtime/config/environment.ts';
import { resolveProviderModel } from '../../../runtime/policy/providers.ts';

function thrown(run: () => unknown): ReturnType<typeof errorInfo> {
  try {
    run();
  } catch (error) {
    return errorInfo(error);
  }
  throw new Error('nothing was thrown');
}

test('the name of a key that is missing is read from what says so', () => {
  assert.equal(missingKey(thrown(() => resolveProviderModel('dashscope:qwen-max', {}))), 'DASHSCOPE_API_KEY');
  const [problem] = fillVariables('${MY_TOKEN}', {}, () => ({ file: 'a.yaml' })).problems;
  assert.equal(missingKey(problem!), 'MY_TOKEN');
  assert.equal(missingKey({ code: 'provider', message: 'openai:gpt-4o answered 401.', next: 'Set OPENAI_API_KEY to a valid key.' }), 'OPENAI_API_KEY');
});

test('no other error is about a key', () => {
  const [problem] = fillVariables('${DATA_DIR}', {}, () => ({ file: 'a.yaml' })).problems;
  assert.equal(missingKey(problem!), undefined, 'a folder is no secret');
  assert.equal(missingKey({ code: 'rollout-threw', message: 'OPENAI_API_KEY is not set.' }), undefined, 'words of user code');
});

test('each key of a provider has a name that keeps its value out of traces', () => {
  for (const { apiKeyEnv } of Object.values(providers)) if (apiKeyEnv !== undefined) assert.ok(isSecretName(apiKeyEnv), apiKeyEnv);
  for (const name of ['PATH', 'NODE_OPTIONS', 'KEY WITH BLANKS', '1_KEY', '']) assert.ok(!isSecretName(name), name);
});

test('models of a VS Code window are asked where the window says', () => {
  const env = { TUNING_FORK_VSCODE_URL: 'http://127.0.0.1:4000/v1', TUNING_FORK_VSCODE_KEY: 'k' };
  assert.deepEqual(resolveProviderModel('vscode:gpt-4o', env), { provider: 'vscode', model: 'gpt-4o', baseURL: 'http://127.0.0.1:4000/v1', apiKey: 'k', apiKeyEnv: 'TUNING_FORK_VSCODE_KEY' });
  assert.match(thrown(() => resolveProviderModel('vscode:gpt-4o', {})).message, /none lent it/);
});
