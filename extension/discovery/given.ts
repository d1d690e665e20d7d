/** What has to be said beside a configuration that names no workflow. No editor here. */
import type { Overrides } from '../../runtime/config/load.ts';
import type { StartRun } from '../../runtime/protocol/backbone.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import { isSameFile } from '../real-path.ts';
import type { FoundConfig, Given } from './discovery.ts';

/** The first, where several functions are tuned with it and none is asked for. */
export function givenFor(configs: readonly FoundConfig[], { conf, workflow }: Pick<StartRun, 'conf' | 'workflow'>): Given | undefined {
  return configs.find(({ file, given }) => isSameFile(file, conf) && given !== undefined && (workflow === undefined || given.workflow === workflow))?.given;
}

/** What a stored run was started with. */
export function givenIn(configs: readonly FoundConfig[], { conf, workflow }: Pick<RunInfo, 'conf' | 'workflow'>): Given | undefined {
  return configs.find(({ file, workflow: named }) => isSameFile(file, conf) && named?.className === workflow)?.given;
}

/** For whoever reads the configuration here. */
export function asOverrides(given: Given | undefined): Overrides {
  return given === undefined ? {} : { ...given.set, 'rollout.user_workflow': given.workflow, 'task_judge.judge_protocol': given.judge };
}
