import { statSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../backbone/location.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { realPath } from '../protocol/paths.ts';
import type { Args } from './args.ts';
import { t } from './l10n.ts';

export function projectOf(args: Args): string {
  const asked = args.text('project');
  if (asked === undefined) return projectFolder(process.cwd());
  if (statSync(asked, { throwIfNoEntry: false })?.isDirectory()) return realPath(asked);
  throw new TuningForkError('usage', t('There is no folder {0}.', asked), { next: t('--project takes the folder whose runs/ is meant.') });
}

export function runsOf(args: Args): string {
  return join(projectOf(args), 'runs');
}

/** The caller's environment, as the backbone and the workers shall see it. */
export function environment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
