/** Which trainer a configuration asks for, and how another one is had when it is gone. */
import { findPath } from '../config/files.ts';
import type { LoadedConfig } from '../config/load.ts';
import { embedded } from '../policy/open.ts';
import { isProviderModel } from '../policy/providers.ts';
import type { StartRun } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { startEmbeddedTrainer } from '../trainers/embedded/process.ts';
import { filesOfModel, openGpuTrainer } from '../trainers/gpu/open.ts';
import { gpuSettings, type GpuSettings } from '../trainers/gpu/settings.ts';
import type { RunningTrainer, TrainerListener } from '../trainers/running.ts';
import type { PolicyCache } from './policies.ts';
import { modelSpec, needWholeModel } from './prepare.ts';

export interface TrainerPlan {
  backbone: 'embedded' | 'gpu';
  /** What is trained, as a fingerprint keeps it: a folder, a name on a hub, or `embedded`. */
  model: string;
  /** Undefined: a runtime elsewhere says what it serves. */
  label: string | undefined;
  /**
   * `threads`: for the embedded one, whose numbers depend on them. `patient`: there was one, so it may be on its way back. `alone`: no other run
   * samples from what is warm here.
   */
  open(options: TrainerListener & { threads: number; patient: boolean; alone: boolean; signal: AbortSignal }): Promise<RunningTrainer>;
  /** Where its tokenizer and chat template lie here. */
  files(trainer: RunningTrainer): Promise<string>;
}

/** A runtime on another machine that does not answer is waited for so long. */
const PATIENCE_MS = 15 * 60_000;

/** `debug` in a configuration that is trained all the same means this machine. */
export function trainerPlan(request: StartRun, config: LoadedConfig, policies: PolicyCache): TrainerPlan {
  return config.config.backbone === 'gpu' ? gpuPlan(gpuSettingsOf(request, config), request.env, policies) : embeddedPlan(modelFolder(request, config));
}

function gpuSettingsOf(request: StartRun, config: LoadedConfig): GpuSettings {
  const spec = modelSpec(request, config);
  if (typeof spec !== 'string' || isProviderModel(spec)) {
    throw new TuningForkError('config', `The GPU runtime needs the weights of a model, and "${typeof spec === 'string' ? spec : spec.model}" is behind a server of its own.`, {
      where: config.place('model.path'), next: 'Set model.path to a folder of weights or to the name of a model on a hub, and leave model.base_url out.',
    });
  }
  return gpuSettings(config.config, { model: spec === 'embedded' ? embedded : spec, dir: config.dir, env: request.env });
}

function embeddedPlan(model: string): TrainerPlan {
  return {
    backbone: 'embedded', model: nameOf(model), label: nameOf(model),
    open: ({ threads, signal, log }) => startEmbeddedTrainer({ model, threads, signal, log }),
    files: async () => model,
  };
}

function gpuPlan(settings: GpuSettings, env: Record<string, string>, policies: PolicyCache): TrainerPlan {
  const { model, place } = settings;
  return {
    backbone: 'gpu', model: nameOf(model), label: place.kind !== 'here' ? undefined : nameOf(model),
    open: async ({ progress, notice, log, patient, alone, signal }) => {
      const warm = alone && !patient ? await policies.takeGpu(settings) : undefined;
      warm?.listen?.({ progress, notice, log });
      return warm ?? openGpuTrainer(settings, { progress, notice, log, env, signal, patienceMs: patient ? PATIENCE_MS : 0 });
    },
    files: (trainer) => filesOfModel(trainer, { env }),
  };
}

/** The model that ships lies elsewhere after an update, and is the same. */
function nameOf(model: string): string {
  return model === embedded ? 'embedded' : model;
}

/** Training moves weights, so it needs them: a folder, or the model that ships. */
function modelFolder(request: StartRun, config: LoadedConfig): string {
  const spec = modelSpec(request, config);
  if (spec === 'embedded') return embedded;
  const folder = typeof spec === 'string' ? findPath({ dir: request.cwd, cwd: config.dir }, spec) : undefined;
  if (folder !== undefined) {
    needWholeModel(folder, config);
    return folder;
  }
  throw new TuningForkError('config', `Training needs the weights of a model, and "${typeof spec === 'string' ? spec : spec.model}" is not a folder.`, {
    where: config.place('model.path'), next: 'Set model.path to "embedded" or to a folder with config.json, model.safetensors and the exported graphs; other models train with backbone gpu.',
  });
}
