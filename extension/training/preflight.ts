/** What `tuning-fork check` looks at, before a training is started: the configuration, the backbone, the weights, one dry rollout. */
import { findPath } from '../../runtime/config/files.ts';
import { loadConfig, type LoadedConfig } from '../../runtime/config/load.ts';
import { fromErrorInfo, TuningForkError } from '../../runtime/protocol/errors.ts';
import { deleteRun } from '../../runtime/trace/index.ts';
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { asOverrides } from '../discovery/given.ts';
import { launch } from '../runs/launch.ts';
import type { ResolvedTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';

export type TrainedOn = 'embedded' | 'gpu';

/** What may be asked for in place of what the configuration says. */
export interface Wanted {
  model?: string;
  train?: string[];
  /** Train there, whatever backbone the configuration names. */
  backbone?: TrainedOn;
  /** Without the dry rollout. */
  unchecked?: boolean;
}

/** Weights that can't be trained, or none. */
export class NoWeightsError extends TuningForkError {}
/** A backbone that isn't part of this version. */
export class NoBackboneError extends TuningForkError {}
/** The dry rollout failed. */
export class DryRolloutError extends TuningForkError {}

/** Where a training can be done. */
export function backbones(): { name: string; here: boolean; why: string }[] {
  const missing = vscode.l10n.t('not part of this version');
  return [
    { name: 'embedded', here: true, why: vscode.l10n.t('on this machine, without Python and without a GPU') },
    { name: 'gpu', here: true, why: vscode.l10n.t('with PyTorch, on a GPU of this machine or of another') },
    ...['trinity', 'verl'].map((name) => ({ name, here: false, why: missing })),
  ];
}

export async function readConfig({ secrets }: Studio, { conf, project, given }: ResolvedTarget, { model, train, backbone }: Wanted): Promise<LoadedConfig> {
  return loadConfig(conf, { ...asOverrides(given), 'model.path': model, trainable_targets: train, backbone }, { env: await secrets.environment(), cwd: project });
}

export function requireBackbone({ config, place }: LoadedConfig): void {
  const named = backbones().find(({ name }) => name === config.backbone);
  if (named === undefined || named.here) return;
  throw new NoBackboneError('not-here-yet', vscode.l10n.t('The configuration trains on "{0}", which is not part of this version.', config.backbone), {
    where: place('backbone'), next: vscode.l10n.t('"embedded" trains on this machine.'),
  });
}

export function requireWeights(loaded: LoadedConfig): void {
  const { path, base_url: baseURL } = loaded.config.model;
  // The GPU runtime knows hubs too; what it can't find it tells.
  if (baseURL === undefined && loaded.config.backbone === 'gpu') return;
  if (baseURL === undefined && (path === 'embedded' || findPath(loaded, path) !== undefined)) return;
  throw new NoWeightsError('config', vscode.l10n.t('Training moves weights, and the model "{0}" is not a folder of them.', path), {
    where: loaded.place('model.path'), next: vscode.l10n.t('Train the embedded model, or choose a checkpoint.'),
  });
}

/** For a run that is started. */
export function onBackbone(backbone: TrainedOn | undefined): { set?: Record<string, string> } {
  return backbone === undefined ? {} : { set: { backbone } };
}

/** One rollout, thrown away when all is well. Undefined: it was cancelled. */
export async function tryOne(studio: Studio, { conf, project, workflow, given }: ResolvedTarget, { model, train, backbone }: Wanted, token: vscode.CancellationToken): Promise<true | undefined> {
  const { live, state, error, failures } = await launch(studio, {
    project, token, quiet: true, title: workflow?.className ?? conf,
    request: { kind: 'check', conf, workflow: given?.workflow, model, train, ...onBackbone(backbone), tasks: { first: 1 }, repeats: 1, concurrency: 1 },
  });
  if (token.isCancellationRequested || state === 'cancelled') return undefined;
  const wrong = error ?? failures[0]?.error;
  if (wrong !== undefined) {
    const { code, message, next, where, stack } = fromErrorInfo(wrong);
    throw new DryRolloutError(code, message, { next, where, stack });
  }
  await deleteRun(dirname(dirname(dirname(live.dir))), live.dir).catch(() => {});
  return true;
}
