/** A GPU runtime to train with: started here, or found where it runs. */
import { existsSync, readFileSync } from 'node:fs';
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

/** What can be asked of a trainer: the weights that it serves, or those of a folder beside them. */
export interface GpuWeights {
  trainer: RunningTrainer;
  checkpoint?: string;
}

/** The weights of `settings.model`, which may be an adapter. */
export async function openGpuWeights(settings: GpuSettings, options: RemoteOptions): Promise<GpuWeights> {
  const base = baseOf(settings.model);
  if (base === undefined) return { trainer: await openGpuTrainer(settings, options) };
  return { trainer: await openGpuTrainer({ ...settings, model: base }, options), checkpoint: settings.model };
}

/** Of an adapter, the model it belongs to; undefined: it is a model itself. */
function baseOf(folder: string): string | undefined {
  const file = join(folder, 'adapter_config.json');
  if (!existsSync(file)) return undefined;
  const { base_model_name_or_path: base } = JSON.parse(readFileSync(file, 'utf8')) as { base_model_name_or_path?: string };
  if (typeof base === 'string' && base !== '') return base;
  throw new TuningForkError('policy', 'This adapter does not say which model it belongs to.', { where: { file, key: 'base_model_name_or_path' }, next: 'Write the folder or the name of that model there.' });
}

/** Where its tokenizer and chat template lie on this machine. */
export async function filesOfModel(trainer: RunningTrainer, options: Pick<RemoteOptions, 'env'>): Promise<string> {
  const info = await trainer.client.info();
  return trainer.elsewhere ? fetchModelFiles(trainer.client, info, modelCache(options.env)) : info.directory;
}

function checkInfo({ capabilities, model }: TrainerInfo): void {
  const lacks = (['sample', 'score', 'checkpoints'] as const).filter((name) => !capabilities[name]);
  if (lacks.length > 0) throw new TuningForkError('trainer', `The GPU runtime can do no ${lacks.join(', no ')} with ${model}.`, { next: 'Serve another model.' });
}
