/** Which stored run or rollout a person means. */
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import type { RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { findRun, openRunReader, type RunPlace, type RunReader } from '../trace/index.ts';
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
    next: ids.length === 0 ? none(reader.info.state) : meant === undefined ? t('It has {0} to {1}.', ids[0]!, ids.at(-1)!) : t('Did you mean {0}?', meant),
  });
}

function none(state: RunInfo['state']): string {
  return state === 'running' ? t('It has no rollout yet.') : t('It has no rollout. "tuning-fork runs list" shows the other runs.');
}

/** `s0t3n1` of the latest run, of the one named, or `<run>/s0t3n1`. */
export async function storedRollout(args: Args, word: string): Promise<{ record: RolloutRecord; dir: string; conf: string }> {
  const cut = Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\'));
  const { dir, info } = await runNamed(args, cut === -1 ? args.text('run') ?? 'latest' : word.slice(0, cut));
  const reader = await openRunReader(dir);
  return { record: await reader.read(indexOfRollout(reader, word.slice(cut + 1))), dir, conf: info.conf };
}
