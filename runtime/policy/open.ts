import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import { openOnnxPolicy } from './onnx/policy.ts';
import { openChatPolicy } from './openai.ts';
import type { Policy } from './policy.ts';
import { providers, resolveProviderModel } from './providers.ts';

/** `embedded`, a directory, `provider:model`, or a server by its address. */
export type PolicySpec = string | { baseURL: string; apiKey: string; model: string };

export interface OpenOptions {
  /** Paths are meant from here. */
  dir: string;
  /** Keys are read from here. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** The model that ships. */
export const embedded = fileURLToPath(new URL('./embedded', import.meta.url));

export async function openPolicy(spec: PolicySpec, { dir, env = process.env }: OpenOptions): Promise<Policy> {
  if (typeof spec !== 'string') return openChatPolicy(spec);
  if (spec === 'embedded') return openOnnxPolicy(embedded, { label: 'embedded' });
  if (spec.startsWith('policy@')) {
    throw new TuningForkError('not-here-yet', `"${spec}" names a checkpoint, and this version does not train yet.`, { next: 'Use embedded, a directory or provider:model.' });
  }
  const path = resolve(dir, spec);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return openOnnxPolicy(path);
  if (found) throw new TuningForkError('policy', 'A model is a directory, and this is a file.', { where: { file: path }, next: 'Give the directory that holds config.json.' });
  const remote = /^\.{0,2}[/\\]|^[a-z]:[/\\]/i.test(spec) ? undefined : resolveProviderModel(spec, env);
  if (remote) return openChatPolicy({ ...remote, label: spec });
  throw new TuningForkError('policy', `There is no model "${spec}".`, {
    where: { file: path }, next: `Give "embedded", a directory in the transformers.js layout, or provider:model with one of ${Object.keys(providers).join(', ')}.`,
  });
}
