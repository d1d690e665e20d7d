/** Which class of which file a configuration names. A mistake elsewhere in it doesn't matter here. */
import { fillVariables } from '../../runtime/config/environment.ts';
import { splitTarget, type Target } from '../../runtime/config/target.ts';
import { readYaml } from '../../runtime/config/yaml.ts';
import { RENAMED, ROOTS } from '../../runtime/protocol/config-names.ts';
import type { Json } from '../../runtime/protocol/json.ts';

export interface ConfigTargets {
  workflow: Target | undefined;
  judge: Target | undefined;
}

/** Undefined where it is none of ours. */
export function targetsIn(text: string, file: string, env: NodeJS.ProcessEnv): ConfigTargets | undefined {
  const { data } = readYaml(text, file);
  const root = ROOTS.find((name) => at(data, name) !== undefined);
  if (root === undefined) return undefined;
  const [oldName] = Object.entries(RENAMED).find(([, now]) => now === 'rollout.user_workflow')!;
  const target = (...keys: string[]): Target | undefined => {
    const written = keys.map((key) => at(data, `${root}.${key}`)).find((value) => typeof value === 'string');
    return typeof written === 'string' ? split(fillVariables(written, env, () => ({ file })).data as string) : undefined;
  };
  return { workflow: target('rollout.user_workflow', oldName), judge: target('task_judge.judge_protocol') };
}

function split(text: string): Target | undefined {
  try {
    return splitTarget(text);
  } catch {
    // A built-in judge, or half a line.
    return undefined;
  }
}

function at(data: Json | undefined, path: string): Json | undefined {
  return path.split('.').reduce<Json | undefined>((value, key) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key) ? value[key] : undefined, data);
}
