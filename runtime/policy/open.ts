import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import { providers } from '../protocol/providers.ts';
import type { GpuSettings } from '../trainers/gpu/settings.ts';
import { gpuSettingsOfFolder, onlyGpuRuns, openGpuPolicy, type OpeningListener } from './gpu.ts';
import { openOnnxPolicy } from './onnx/policy.ts';
import { openChatPolicy } from './openai.ts';
import type { Policy } from './policy.ts';
import { resolveProviderModel } from './providers.ts';

/** `embedded`, a directory, `provider:model`, a server by its address, or a model in the GPU runtime. */
export type PolicySpec = string | { baseURL: string; apiKey: string; model: string } | GpuSpec;

/** `checkpoint`: a folder on the machine of the runtime, in place of the weights it trains. */
export interface GpuSpec {
  gpu: GpuSettings;
  model: string;
  checkpoint?: string;
}

export interface OpenOptions {
  /** Paths are meant from here. */
  dir: string;
  /** Keys are read from here. */
  env?: Readonly<Record<string, string | undefined>>;
  listener?: OpeningListener | undefined;
}

const REACH_MS = 1_000;

/** The model that ships. */
export const embedded = fileURLToPath(new URL('./embedded', import.meta.url));

export async function openPolicy(spec: PolicySpec, { dir, env = process.env, listener }: OpenOptions): Promise<Policy> {
  if (typeof spec !== 'string') return 'gpu' in spec ? openGpuPolicy(spec.gpu, { ...listener, env, label: isAbsolute(spec.model) ? basename(spec.model) : spec.model, checkpoint: spec.checkpoint }) : openChatPolicy(spec);
  if (spec === 'embedded') return openOnnxPolicy(embedded, { label: 'embedded' });
  const path = resolve(dir, spec);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return onlyGpuRuns(path, env) ? openGpuPolicy(gpuSettingsOfFolder(path, env), { ...listener, env, label: basename(path) }) : openOnnxPolicy(path);
  if (found) throw new TuningForkError('policy', 'A model is a directory, and this is a file.', { where: { file: path }, next: 'Give the directory that holds config.json.' });
  const remote = /^\.{0,2}[/\\]|^[a-z]:[/\\]/i.test(spec) ? undefined : resolveProviderModel(spec, env);
  if (remote) {
    await needServer(remote.baseURL);
    return openChatPolicy({ ...remote, label: spec });
  }
  throw new TuningForkError('policy', `There is no model "${spec}".`, {
    where: { file: path }, next: `Give "embedded", a directory in the transformers.js layout, or provider:model with one of ${Object.keys(providers).join(', ')}.`,
  });
}

/** A server on this machine that isn't running is told once, and not by every rollout. */
async function needServer(baseURL: string): Promise<void> {
  const { hostname, port, protocol } = new URL(baseURL);
  if (!/^(localhost|127\.|\[?::1)/.test(hostname)) return;
  const socket = connect(Number(port) || (protocol === 'https:' ? 443 : 80), hostname.replace(/^\[|\]$/g, ''));
  const refused = await new Promise<boolean>((settle) => {
    socket.once('connect', () => settle(false));
    // A name with two addresses tells both refusals in one error.
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
    socket.setTimeout(REACH_MS, () => settle(false));
  });
  socket.destroy();
  if (refused) throw new TuningForkError('provider', `No server answers at ${baseURL}.`, { next: 'Start it, or choose another model with --model. "tuning-fork check" tells which servers run here.' });
}
