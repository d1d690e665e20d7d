/** Who can compute with the weights of a folder: the trainer of this machine where they have its graphs, else the GPU runtime. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fillVariables, type Environment } from '../config/environment.ts';
import { HIDDEN } from '../config/secrets.ts';
import { gpuSettingsOfFolder } from '../policy/gpu.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { TrainerClient } from '../trainers/client.ts';
import { checkpointElsewhere } from '../trainers/elsewhere.ts';
import { startEmbeddedTrainer } from '../trainers/embedded/process.ts';
import { openGpuTrainer } from '../trainers/gpu/open.ts';
import { gpuSettings, type GpuSettings } from '../trainers/gpu/settings.ts';

export interface Weights {
  client: TrainerClient;
  /** Which of those that its trainer knows; absent: the ones it serves. */
  checkpoint?: string;
  stop(): Promise<void>;
}

/** `checkpoint`: of a runtime elsewhere that made it. */
export type WeightsPlace = { folder: string } | { gpu: GpuSettings; checkpoint?: string };

/** `run`: where its configuration says that the GPU runtime is, there it is asked. */
export function weightsPlace(folder: string, run: Pick<RunInfo, 'config' | 'conf'>, env: Environment): WeightsPlace {
  const has = (file: string): boolean => existsSync(join(folder, file));
  if (!has('config.json') && !has('adapter_config.json')) {
    throw new TuningForkError('usage', `There are no weights in ${folder}.`, { next: 'Name the folder of a checkpoint, or "embedded".' });
  }
  if (has('onnx/train.json')) return { folder };
  const { gpu = {}, lora, trainer_common = {} } = fillVariables(run.config, env, () => ({ file: run.conf })).data as unknown as TuningForkConfig;
  const settings = gpuSettings({ gpu: { ...gpu, token: gpu.token === HIDDEN ? undefined : gpu.token }, lora, trainer_common: trainer_common as TuningForkConfig['trainer_common'] }, { model: folder, dir: dirname(run.conf), env });
  if (settings.place.kind === 'here') return { gpu: settings };
  // A runtime elsewhere has the checkpoints it made; other folders are of this machine.
  const checkpoint = checkpointElsewhere(folder);
  return checkpoint === undefined ? { gpu: gpuSettingsOfFolder(folder, env) } : { gpu: settings, checkpoint };
}

export async function openWeights(place: WeightsPlace, env: Environment): Promise<Weights> {
  if ('folder' in place) {
    const trainer = await startEmbeddedTrainer({ model: place.folder });
    return { client: trainer.client, stop: () => trainer.stop() };
  }
  const trainer = await openGpuTrainer(place.gpu, { env });
  return { client: trainer.client, stop: () => trainer.stop(), ...(place.checkpoint !== undefined && { checkpoint: place.checkpoint }) };
}
