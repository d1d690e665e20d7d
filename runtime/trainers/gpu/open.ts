/** A GPU runtime to train with: started here, or found where it runs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import type { TrainerInfo } from '../../protocol/trainer.ts';
import { fetchModelFiles } from '../elsewhere.ts';
import type { RunningTrainer } from '../running.ts';
import { gpuPython } from './environment.ts';
import { modelCache } from './home.ts';
import { startGpuProcess } from './process.ts';
import { reachGpu, type RemoteOptions } from './remote.ts';
import type { GpuSettings } from './settings.ts';

export async function openGpuTrainer(settings: GpuSettings, options: RemoteOptions): Promise<RunningTrainer> {
  const { place, ...model } = settings;
  const trainer = place.kind === 'here' ? await startGpuProcess(gpuPython(place.python, options.env), model, { ...options, env: options.env }) : await reachGpu(place, options);
  try {
    checkInfo(await trainer.client.info());
    return trainer;
  } catch (error) {
    await trainer.stop();
    throw error;
  }
}

/** Where its tokenizer and chat template lie on this machine. */
export async function filesOfModel(trainer: RunningTrainer, options: Pick<RemoteOptions, 'env'>): Promise<string> {
  const info = await trainer.client.info();
  // What an adapter's folder lacks is in that of its model.
  return trainer.elsewhere || !existsSync(join(info.directory, 'config.json')) ? fetchModelFiles(trainer.client, info, modelCache(options.env)) : info.directory;
}

function checkInfo({ capabilities, model }: TrainerInfo): void {
  const lacks = (['sample', 'score', 'checkpoints'] as const).filter((name) => !capabilities[name]);
  if (lacks.length > 0) throw new TuningForkError('trainer', `The GPU runtime can do no ${lacks.join(', no ')} with ${model}.`, { next: 'Serve another model.' });
}
