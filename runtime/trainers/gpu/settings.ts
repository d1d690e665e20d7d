/** What a configuration says of the GPU runtime, and what its environment adds. */
import { resolve } from 'node:path';
import type { TuningForkConfig } from '../../protocol/config.ts';
import type { Environment } from './home.ts';

export interface GpuSettings {
  /** What is trained: a folder, or the name of a model on a hub. */
  model: string;
  place: GpuPlace;
  device?: string | undefined;
  dtype?: string | undefined;
  loraRank: number;
  loraAlpha: number | undefined;
  loraTargets: string;
  gradientCheckpointing: boolean;
  offloadOptimizer: boolean;
}

/** Started here, or running already. */
export type GpuPlace =
  | { kind: 'here'; python: string | undefined }
  | { kind: 'url'; url: string; token: string | undefined; tokenFile: string | undefined; certificate: string | undefined; insecure: boolean }
  | { kind: 'ssh'; host: string; url: string | undefined; token: string | undefined; tokenFile: string | undefined };

/** What VS Code and a person say for all configurations. */
export const GPU_ENV = { url: 'TUNING_FORK_GPU_URL', ssh: 'TUNING_FORK_GPU_SSH', token: 'TUNING_FORK_GPU_TOKEN', python: 'TUNING_FORK_GPU_PYTHON' } as const;

/** `model`: the folder or name that is meant; `dir`: relative paths of the configuration are meant from there. */
export function gpuSettings({ gpu, lora, trainer_common: trainer }: Pick<TuningForkConfig, 'gpu' | 'lora' | 'trainer_common'>, { model, dir, env }: { model: string; dir: string; env: Environment }): GpuSettings {
  const targets = lora?.target_modules ?? 'all-linear';
  return {
    model, place: placeOf(gpu, dir, env), device: gpu.device, dtype: gpu.dtype,
    loraRank: lora?.lora_rank ?? 0, loraAlpha: lora?.lora_alpha, loraTargets: Array.isArray(targets) ? targets.join(',') : targets,
    gradientCheckpointing: gpu.gradient_checkpointing ?? false, offloadOptimizer: trainer.fsdp_config?.optimizer_offload ?? false,
  };
}

function placeOf(gpu: TuningForkConfig['gpu'], dir: string, env: Environment): GpuPlace {
  const token = gpu.token ?? orUndefined(env[GPU_ENV.token]);
  const tokenFile = gpu.token_file;
  // The file says where; what is said for all files counts where this one says nothing.
  const written = gpu.url !== undefined || gpu.ssh !== undefined;
  const host = written ? gpu.ssh : orUndefined(env[GPU_ENV.ssh]);
  const url = written ? gpu.url : orUndefined(env[GPU_ENV.url]);
  if (host !== undefined) return { kind: 'ssh', host, url, token, tokenFile };
  const here = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(dir, path.replace(/^~(?=[/\\])/, env.HOME ?? env.USERPROFILE ?? '~')));
  if (url !== undefined) return { kind: 'url', url: url.replace(/\/+$/, ''), token, tokenFile: here(tokenFile), certificate: here(gpu.certificate), insecure: gpu.insecure ?? false };
  return { kind: 'here', python: gpu.python ?? orUndefined(env[GPU_ENV.python]) };
}

function orUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
