/** A model that the GPU runtime samples from, with no training around it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environmentState } from '../trainers/gpu/environment.ts';
import { pythonFolder, type Environment } from '../trainers/gpu/home.ts';
import { filesOfModel, openGpuTrainer } from '../trainers/gpu/open.ts';
import type { RunningTrainer, TrainerListener } from '../trainers/running.ts';
import { GPU_ENV, gpuSettings, type GpuSettings } from '../trainers/gpu/settings.ts';
import type { TokenPolicy } from './policy.ts';
import { trainerPolicy } from './trainer.ts';

const ANSWER_MS = 30_000;

/** What is told while a model is loaded, which may come over the network first. */
export type OpeningListener = Pick<TrainerListener, 'progress' | 'notice'>;

/** A policy with its trainer, which may go on to train. */
export interface GpuPolicy extends TokenPolicy {
  /** Its runtime answers, and has the model it had. */
  isThere(): Promise<boolean>;
  /** The policy ends, its trainer doesn't. */
  release(): Promise<RunningTrainer>;
}

export async function openGpuPolicy(settings: GpuSettings, { env, label, checkpoint, progress, notice }: { env: Environment; label?: string; checkpoint?: string | undefined } & OpeningListener): Promise<GpuPolicy> {
  const trainer = await openGpuTrainer(settings, { env, progress, notice });
  // A runtime elsewhere says what it serves.
  const named = settings.place.kind === 'here' || checkpoint !== undefined ? label : undefined;
  try {
    const { model, tokenizerSha256 } = await trainer.client.info();
    const policy = await trainerPolicy(trainer.address, { directory: await filesOfModel(trainer, { env }), label: named, ...(checkpoint !== undefined && { checkpoint }) });
    const disconnect = policy.close.bind(policy);
    return Object.assign(policy, {
      close: async () => {
        await disconnect();
        await trainer.stop();
      },
      isThere: async () => {
        const now = await trainer.client.info({ signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
        return now?.model === model && now.tokenizerSha256 === tokenizerSha256;
      },
      release: async () => {
        await disconnect();
        return trainer;
      },
    });
  } catch (error) {
    await trainer.stop();
    throw error;
  }
}

/** A folder in Hugging Face or PEFT format that has no graph for ONNX Runtime, on a machine whose GPU runtime is set up. */
export function onlyGpuRuns(folder: string, env: Environment): boolean {
  if (existsSync(join(folder, 'onnx'))) return false;
  const weights = existsSync(join(folder, 'config.json')) || existsSync(join(folder, 'adapter_config.json'));
  return weights && (env[GPU_ENV.python] !== undefined || environmentState(pythonFolder(env)).state === 'ready');
}

/** This folder, on this machine. */
export function gpuSettingsOfFolder(folder: string, env: Environment): GpuSettings {
  return gpuSettings({ gpu: {}, lora: undefined, trainer_common: {} as never }, { model: folder, dir: folder, env: { ...env, [GPU_ENV.url]: '', [GPU_ENV.ssh]: '' } });
}
