/** What a client asks for in place of what its YAML says. */
import { resolve } from 'node:path';
import { findPath } from '../config/files.ts';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { HIDDEN } from '../config/secrets.ts';
import type { StartRun } from '../protocol/backbone.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { smallDrive } from '../protocol/paths.ts';
import type { RunInfo } from '../protocol/trace.ts';
import { readRunInfo } from '../trace/index.ts';

/** The YAML with what the client asked for instead; and what it asked for when the run was made that is now replayed. */
export function loadRunConfig(request: StartRun, replayed?: RunInfo): Promise<LoadedConfig> {
  const { conf, env, cwd } = request;
  const then = replayed?.conf === smallDrive(resolve(cwd, conf)) ? replayed.config : {};
  const overrides = Object.fromEntries(Object.entries(askedFor(request)).map(([key, value]) => [key, value ?? at(then, key)]));
  return loadConfig(conf, overrides, { env, cwd });
}

/** By key; undefined where an option was not given. Then what `set` says of its key stays. */
function askedFor({ cwd, temperature, ...request }: StartRun): Record<string, Json | undefined> {
  const asked: Record<string, Json | undefined> = {
    ...request.set,
    ...(request.workflow !== undefined && { 'rollout.user_workflow': fromCommand(request.workflow, cwd) }), ...(request.judge !== undefined && { 'task_judge.judge_protocol': fromCommand(request.judge, cwd) }),
    trainable_targets: request.train, 'rollout.seed': request.seed, 'trainer_common.total_training_steps': request.training?.steps,
    'rollout.temperature': temperature, 'rollout.val_kwargs.temperature': temperature, 'rollout.val_kwargs.do_sample': temperature === undefined ? undefined : temperature > 0,
    'model.path': request.model === undefined ? undefined : findPath({ dir: cwd, cwd }, request.model) ?? request.model,
  };
  return Object.fromEntries(Object.entries(asked).map(([key, value]) => [key, value ?? request.set?.[key]]));
}

/** The keys that it asks for; no secrets, which nothing keeps. */
export function givenKeys(request: StartRun, shown: JsonObject): string[] {
  return Object.entries(askedFor(request)).flatMap(([key, value]) => (value === undefined || at(shown, key) === HIDDEN ? [] : [key]));
}

/** What a training was given when it began holds when it goes on, but for what is given anew. */
export async function asBegun(request: StartRun): Promise<StartRun> {
  const { resume } = request.training ?? {};
  if (resume === undefined) return request;
  const { config, given = [] } = await readRunInfo(resume);
  // The YAML may name another place by now.
  const keys = config.backbone === 'gpu' || config.backbone === 'embedded' ? [...given, 'backbone'] : given;
  const then = keys.map((key) => [key, at(config, key)] as const).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  const set = { ...Object.fromEntries(then), ...request.set };
  return { ...request, set, ...(given.includes('model.path') && { model: request.model ?? String(set['model.path']) }) };
}

/** A file named in a command is meant from where it was typed; `builtin->…` is no file. */
function fromCommand(target: string, cwd: string): string {
  const [file = '', name] = target.split('->');
  return name === undefined || findPath({ dir: cwd, cwd }, file) === undefined ? target : `${resolve(cwd, file)}->${name}`;
}

function at(config: JsonObject, key: string): Json | undefined {
  return key.split('.').reduce<Json | undefined>((value, part) => (value as JsonObject | undefined)?.[part], config);
}
