import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { configSchema, KEPT_TREES, RENAMED, type TuningForkConfig } from '../protocol/config.ts';
import { errorInfo, type ErrorInfo, type Place } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { smallDrive } from '../protocol/paths.ts';
import { nearest } from '../protocol/suggest.ts';
import { fillVariables, plainScalar, type Environment, type Filled } from './environment.ts';
import { ConfigError } from './errors.ts';
import { explain, valueAt } from './explain.ts';
import { Places } from './places.ts';
import { takeRoot } from './root.ts';
import { isMapping, keysWithoutEffect, schemaAt } from './schema.ts';
import { quotable, withoutSecrets } from './secrets.ts';
import { splitTarget } from './target.ts';
import { inTheirWords, readTrinity } from './trinity.ts';
import { join, readYaml } from './yaml.ts';

export interface LoadedConfig {
  config: TuningForkConfig;
  /** `trinity:`, `verl:`, `hydra:` and `defaults:` as they are written. */
  kept: { [tree in (typeof KEPT_TREES)[number]]?: Json };
  /** Absolute. */
  file: string;
  /** Folder of the YAML: relative paths are meant from here first, then from `cwd`. */
  dir: string;
  cwd: string;
  /** The file as it is written, no variable filled in. */
  raw: JsonObject;
  /** `config` as it may be stored and shown: secrets stand there as the `${NAME}` they came from. */
  shown: JsonObject;
  warnings: ErrorInfo[];
  /** Secret values that came from the environment; whatever is stored must not hold them. */
  secrets: string[];
  /** Where a key stands; the nearest mapping around it when it isn't written. */
  place(keyPath: string): Place;
}

/** Values that take the place of what the YAML says, by key path: `{ 'rollout.num_repeat': 8 }`. Undefined ones are passed over. */
export type Overrides = Readonly<Record<string, Json | undefined>>;

/** Whose environment and folder count: those of the person, not of a process that works for many. */
export interface Caller {
  env: Environment;
  cwd: string;
}

/** Reads a YAML; throws one `ConfigError` with everything that is wrong in it. */
export async function loadConfig(path: string, overrides: Overrides = {}, caller: Caller = { env: process.env, cwd: process.cwd() }): Promise<LoadedConfig> {
  const file = smallDrive(resolve(caller.cwd, path));
  return parseConfig(await readText(file), file, overrides, { ...caller, cwd: smallDrive(caller.cwd) });
}

/** The same for a text that stands in an editor. */
export function parseConfig(text: string, file: string, overrides: Overrides, caller: Caller): LoadedConfig {
  const written = readYaml(text, file);
  const trinity = readTrinity(written);
  const tree = trinity?.tree ?? written;
  const { whole, root, problems: rootProblems } = takeRoot(tree);
  const places = new Places(tree, root);
  const { data, filled, problems: unset } = fillVariables(whole[root]!, caller.env, (key) => places.of(key, 'value'));
  const body = data as JsonObject;
  const renamed = rename(body, places);
  override(body, overrides, filled, places);
  tidy(body, '', filled, places);
  body.rollout ??= {};

  const parsed = configSchema.safeParse(body);
  // A variable that isn't set left an empty text behind; that is told once.
  const untold = new Set(unset.map((problem) => problem.where?.key));
  const wrong = explain(parsed.error?.issues ?? [], quotable(body, filled), (key, at) => places.of(key, at)).filter((problem) => !untold.has(problem.where?.key));
  const problems = [...tree.problems, ...rootProblems, ...unset, ...renamed.problems, ...wrong, ...targetProblems(parsed.data, places)];
  if (problems.length > 0 || !parsed.success) throw new ConfigError(trinity === undefined ? problems : problems.map((problem) => inTheirWords(problem, trinity)));

  const config = named(parsed.data, file);
  const { shown, secrets, warnings } = withoutSecrets(config, filled, places);
  return {
    config, shown, secrets, file, dir: dirname(file), cwd: caller.cwd, raw: whole,
    kept: Object.fromEntries(KEPT_TREES.filter((key) => Object.hasOwn(whole, key)).map((key) => [key, whole[key]])),
    warnings: [...tree.warnings, ...trinity?.warnings ?? [], ...renamed.warnings, ...warnings, ...withoutEffect(body, places)],
    place: (key) => places.of(key),
  };
}

function rename(body: JsonObject, places: Places): { problems: ErrorInfo[]; warnings: ErrorInfo[] } {
  const problems: ErrorInfo[] = [];
  const warnings: ErrorInfo[] = [];
  for (const [old, now] of Object.entries(RENAMED)) {
    const value = valueAt(body, old.split('.'));
    if (value === undefined) continue;
    unset(body, old);
    if (valueAt(body, now.split('.')) !== undefined) {
      problems.push({ code: 'config', message: `\`${old}\` is the old name of \`${now}\`, and both are written.`, next: `Keep \`${now}\`.`, where: places.of(old) });
    } else {
      set(body, now, value as Json);
      warnings.push({ code: 'config', message: `\`${old}\` is now called \`${now}\`.`, next: 'Rename the key; the old name works for now.', where: places.of(old) });
    }
  }
  return { problems, warnings };
}

function targetProblems(config: TuningForkConfig | undefined, places: Places): ErrorInfo[] {
  if (config === undefined) return [];
  try {
    splitTarget(config.rollout.user_workflow, places.of('rollout.user_workflow', 'value'));
    return [];
  } catch (error) {
    const { stack: _, ...problem } = errorInfo(error);
    return [problem];
  }
}

function override(body: JsonObject, overrides: Overrides, filled: Map<string, Filled>, places: Places): void {
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    set(body, key, value);
    filled.delete(key);
    places.override(key);
  }
}

/** Mappings left empty are dropped, and unquoted variables become the numbers and truth values that they spell. */
function tidy(data: JsonObject, path: string, filled: ReadonlyMap<string, Filled>, places: Places): void {
  for (const [key, value] of Object.entries(data)) {
    const full = join(path, key);
    const schema = schemaAt(full.split('.'));
    if (value === null && isMapping(schema)) {
      delete data[key];
    } else if (typeof value === 'string') {
      if (filled.has(full) && places.mark(full)?.plain && schema?.safeParse(value).success === false) data[key] = plainScalar(value);
    } else if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      tidy(value, full, filled, places);
    }
  }
}

function named(config: TuningForkConfig, file: string): TuningForkConfig {
  const { project_name: project, experiment_name: experiment } = config;
  return {
    ...config,
    project_name: project === 'read_folder_name' ? asFolderName(basename(dirname(file)), 'project') : project,
    experiment_name: experiment === 'read_yaml_name' ? asFolderName(basename(file, extname(file)), 'experiment') : experiment,
  };
}

function asFolderName(name: string, fallback: string): string {
  const safe = name.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_').replace(/^[\s.]+/, '').slice(0, 120);
  return safe === '' ? fallback : safe;
}

function withoutEffect(body: JsonObject, places: Places): ErrorInfo[] {
  const keys = keysWithoutEffect(body);
  if (keys.length === 0) return [];
  const [verb, next] = keys.length === 1 ? ['has', 'It is kept for AgentJet.'] : ['have', 'They are kept for AgentJet.'];
  return [{ code: 'config', message: `${keys.join(', ')} ${verb} no effect here yet.`, next, where: places.of(keys[0]!) }];
}

function set(body: JsonObject, path: string, value: Json): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = body;
  for (const key of keys) {
    const next = at[key];
    at = next !== null && typeof next === 'object' && !Array.isArray(next) ? next : (at[key] = {});
  }
  at[last] = value;
}

function unset(body: JsonObject, path: string): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  delete (valueAt(body, keys) as JsonObject)[last];
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === 'ENOENT' || code === 'ENOTDIR' ? 'There is no such configuration file.'
      : code === 'EISDIR' ? 'This is a folder; a YAML file is wanted.'
      : `This configuration file can’t be read: ${(error as Error).message}.`;
    const folder = code === 'EISDIR' ? file : dirname(file);
    const yamls = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/i.test(name));
    const near = nearest(basename(file), yamls);
    const next = near !== undefined ? `Did you mean ${resolve(folder, near)}?`
      : yamls.length > 0 ? `In that folder: ${yamls.slice(0, 5).join(', ')}.`
      : 'Make a project with `tuning-fork init <dir>`.';
    throw new ConfigError([{ code: 'config', message, next, where: { file } }]);
  }
  // What `>` of Windows PowerShell writes.
  if (bytes[0] === 0xff && bytes[1] === 0xfe) throw new ConfigError([{ code: 'config', message: 'This file is UTF-16 text, and YAML here is UTF-8.', next: 'Save it again as UTF-8.', where: { file } }]);
  return bytes.toString();
}
