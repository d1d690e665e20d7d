/** What the curve of a training depends on, as hashes and values: a training goes on only where all of it is as it was. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';

export interface Fingerprint {
  /** Of the tasks of both splits. */
  data: { training: string; validation: string };
  /** Of the workflow's file, the judge's, and what they import of the project, by path. */
  files: Record<string, string>;
  /** Configuration keys and their values, without those that change nothing of what was trained so far. */
  config: Record<string, Json>;
  /** The weights it began with. */
  model: string;
  /** Of its trainer. Other numbers give other last digits, so it goes on with as many, wherever it does. Absent in older trainings. */
  threads?: number;
}

/** How long, how often, how fast, and where to: free to change between two halves of a training. */
const FREE = [
  /^gpu\.(url|ssh|token|token_file|certificate|insecure|python|device|gradient_checkpointing)$/, /^trainer_common\.fsdp_config\./,
  /^project_name$/, /^experiment_/, /^backbone$/, /^debug\./, /^rollout\.(max_env_worker|workers|worker_memory|timeout|block_timeout|top_logprobs)$/,
  /^trainer_common\.(total_epochs|total_training_steps|save_freq|test_freq|val_|logger)/, /^model\.api_key$/,
];

export async function fingerprintOf(given: { config: JsonObject; files: readonly string[]; root: string; training: readonly Task[]; validation: readonly Task[]; model: string; threads?: number }): Promise<Fingerprint> {
  const files = Object.entries(await hashProjectFiles(given.files)).map(([file, sha256]) => [relative(given.root, file).replaceAll('\\', '/'), sha256]);
  return {
    data: { training: hashTasks(given.training), validation: hashTasks(given.validation) },
    files: Object.fromEntries(files) as Record<string, string>,
    config: Object.fromEntries(flatten(given.config).filter(([key]) => !FREE.some((free) => free.test(key)))),
    model: given.model,
    ...(given.threads !== undefined && { threads: given.threads }),
  };
}

/** One short sentence each. */
export function differences(before: Fingerprint, now: Fingerprint): string[] {
  const found: string[] = [];
  for (const split of ['training', 'validation'] as const) if (before.data[split] !== now.data[split]) found.push(`the ${split} tasks are others`);
  for (const file of namesOf(before.files, now.files)) {
    if (before.files[file] === now.files[file]) continue;
    found.push(now.files[file] === undefined ? `${file} is gone or no longer imported` : before.files[file] === undefined ? `${file} is imported now` : `${file} was edited`);
  }
  for (const key of namesOf(before.config, now.config)) {
    const [was, is] = [before.config[key], now.config[key]].map((value) => (value === undefined ? 'not set' : JSON.stringify(value)));
    if (was !== is) found.push(`${key} was ${was} and is ${is}`);
  }
  if (before.model !== now.model) found.push(`the model it began with was ${before.model} and is ${now.model}`);
  return found;
}

function namesOf(a: object, b: object): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}

function flatten(value: Json, path = ''): [string, Json][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, one]) => flatten(one, path === '' ? key : `${path}.${key}`));
}

function hashTasks(tasks: readonly Task[]): string {
  const all = createHash('sha256');
  for (const task of tasks) all.update(`${JSON.stringify(task)}\n`);
  return all.digest('hex');
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const RELATIVE_IMPORT = /(?:\bfrom|\bimport|\brequire\()\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g;

/** The given files and whatever of the project they import, however deep, by path. Packages don't count. */
export async function hashProjectFiles(entries: readonly string[]): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  const open = entries.map((entry) => resolve(entry));
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue;
    const bytes = await readFile(file);
    found.set(file, hash(bytes));
    for (const [, target] of bytes.toString('utf8').matchAll(RELATIVE_IMPORT)) {
      const path = resolve(dirname(file), target!);
      const candidates = [path, path.replace(/\.js$/, '.ts'), `${path}.ts`, `${path}.tsx`, `${path}.js`, `${path}/index.ts`];
      const real = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile());
      if (real !== undefined && !real.includes('node_modules')) open.push(real);
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
