/** What a launch configuration must say. VS Code has filled in what can be found; other clients have not. */
import { isAbsolute } from 'node:path';
import type { RolloutLaunch } from '../../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { l10n } from './l10n.ts';

export function checkLaunch(args: object): RolloutLaunch {
  const launch = args as Partial<RolloutLaunch>;
  const needs = launch.inspect === undefined ? ['conf', 'project'] as const : ['project'] as const;
  for (const key of needs) {
    const value = launch[key];
    if (typeof value !== 'string' || value === '') throw new TuningForkError('usage', l10n.t('The launch configuration does not say "{0}".', key), { next: nextOf(key) });
  }
  if (!isAbsolute(launch.project!)) throw new TuningForkError('usage', l10n.t('"{0}" must be an absolute path.', 'project'));
  for (const key of ['repeats', 'tasks', 'concurrency'] as const) {
    const value = launch[key];
    if (value !== undefined && (!Number.isInteger(value) || value < 1)) throw new TuningForkError('usage', l10n.t('"{0}" must be a whole number from 1 on.', key));
  }
  return launch as RolloutLaunch;
}

function nextOf(key: 'conf' | 'project'): string {
  return key === 'conf' ? l10n.t('Name the YAML of the workflow.') : l10n.t('Name the folder of the project.');
}
