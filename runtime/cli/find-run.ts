/** Which stored run or rollout a person means. */
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import type { RunInfo } from '../protocol/trace.ts';
import { findRun, type RunPlace, type RunReader } from '../trace/index.ts';
import type { Args } from './args.ts';
import { t } from './l10n.ts';
import { runsOf } from './project.ts';

/** Checks, replays and rejudged runs are about other runs: "latest" means none of them, their names do. */
const OWN_KINDS: readonly RunInfo['kind'][] = ['rollout', 'training'];

export function runNamed(args: Args, name: string): Promise<RunPlace> {
  return findRun(runsOf(args), name, OWN_KINDS);
}

export function indexOfRollout(reader: RunReader, id: string): number {
  const index = reader.find(id);
  if (index >= 0) return index;
  const ids = Array.from({ length: Math.min(reader.count, 10_000) }, (_, each) => reader.entry(each).id);
  const meant = nearest(id, ids);
  throw new TuningForkError('usage', t('There is no rollout {0} in {1}.', id, reader.info.run), {
    next: ids.length === 0 ? t('It has no rollout yet.') : meant === undefined ? t('It has {0} to {1}.', ids[0]!, ids.at(-1)!) : t('Did you mean {0}?', meant),
  });
}
