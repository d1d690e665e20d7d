import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configSchema } from '../../../../runtime/protocol/config.ts';
import { serveArguments } from '../../../../runtime/trainers/gpu/arguments.ts';
import { gpuSettings } from '../../../../runtime/trainers/gpu/settings.ts';

const settings = (gpu: object = {}, more: object = {}, env: Record<string, string> = {}): ReturnType<typeof gpuSettings> =>
  gpuSettings(configSchema.parse({ rollout: { user_workflow: 'a.ts->A' }, gpu, ...more }), { model: '/m', dir: '/conf', env: { HOME: '/home/me', ...env } });

test('it is started here unless the configuration, or else the environment, names a place', () => {
  assert.deepEqual(settings().place, { kind: 'here', python: undefined });
  assert.deepEqual(settings({ python: '/py' }).place, { kind: 'here', python: '/py' });
  assert.deepEqual(settings({}, {}, { TUNING_FORK_GPU_URL: 'http://127.0.0.1:1/' }).place, { kind: 'url', url: 'http://127.0.0.1:1', token: undefined, tokenFile: undefined, certificate: undefined, insecure: false });
  assert.deepEqual(settings({ url: 'http://127.0.0.1:2', token_file: 'tokens/a' }, {}, { TUNING_FORK_GPU_SSH: 'box', TUNING_FORK_GPU_TOKEN: 'x' }).place,
    { kind: 'url', url: 'http://127.0.0.1:2', token: 'x', tokenFile: '/conf/tokens/a', certificate: undefined, insecure: false }, 'the file goes before the environment');
  assert.deepEqual(settings({ ssh: 'me@box', token_file: '~/t' }).place, { kind: 'ssh', host: 'me@box', url: undefined, token: undefined, tokenFile: '~/t' }, 'a path of that machine is left alone');
});

test('what an option of ssh could be is no host', () => {
  const { error } = configSchema.safeParse({ rollout: { user_workflow: 'a.ts->A' }, gpu: { ssh: '-oProxyCommand=x' } });
  assert.match(error!.issues[0]!.message, /host as ssh knows it/);
});

test('adapters and memory reach the command line; all weights are trained unless a rank is named', () => {
  const words = (given: ReturnType<typeof gpuSettings>): string => serveArguments({ ...given, host: '127.0.0.1', port: 0, tokenFile: '/t' }).join(' ');
  assert.match(words(settings()), /--model \/m --host 127\.0\.0\.1 --port 0 --token-file \/t --lora-rank 0$/);
  const all = words(settings({ dtype: 'bfloat16', gradient_checkpointing: true }, { lora: { lora_rank: 8, target_modules: ['q_proj', 'v_proj'] }, trainer_common: { fsdp_config: { optimizer_offload: true, param_offload: true } } }));
  assert.match(all, /--dtype bfloat16 --lora-rank 8 --lora-targets q_proj,v_proj --gradient-checkpointing --offload-optimizer$/);
});
