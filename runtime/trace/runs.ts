import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import { smallDrive } from '../protocol/paths.ts';
import type { RolloutStatus, RunInfo } from '../protocol/trace.ts';
import { Catalog } from './catalog.ts';
import { STATUSES } from './checks.ts';
import { decodeRun, parseJson } from './decode.ts';
import { fileError, isMissing } from './errors.ts';
import { RUN_FILE } from './layout.ts';

export interface RunCounts extends Record<RolloutStatus, number> {
  rollouts: number;
  sampled: number;
  /** Of the rollouts that have a reward; null when none has. */
  meanReward: number | null;
}

export interface RunPlace {
  dir: string;
  info: RunInfo;
}

export interface RunSummary extends RunPlace {
  counts: RunCounts;
}

export async function readRunInfo(dir: string): Promise<RunInfo> {
  const path = join(dir, RUN_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) {
      throw new TuningForkError('trace', `${dir} is no run: it has no ${RUN_FILE}.`, { next: 'Name the folder of one run.', where: { file: path } });
    }
    throw fileError('read', path, error);
  }
  const parsed = parseJson(text);
  const decoded = 'cause' in parsed ? parsed : decodeRun(parsed.value);
  if ('cause' in decoded) {
    throw new TuningForkError('trace', `${path} cannot be read: ${decoded.cause}.`, { where: { file: path } });
  }
  return decoded.value;
}

/** All runs below `root`, newest first. A run that cannot be read is told of and does not hide the others. */
export async function listRuns(root: string): Promise<{ runs: RunSummary[]; problems: TuningForkError[] }> {
  const { places, problems } = await findRuns(root);
  const runs: RunSummary[] = [];
  for (const place of places) {
    try {
      runs.push({ ...place, counts: countRun(await Catalog.open(place.dir)) });
    } catch (error) {
      problems.push(fileError('read', place.dir, error));
    }
  }
  return { runs, problems };
}

/**
 * The run of this name: its folder, `latest` (the newest, or the newest of these `kinds`), `<project>/<experiment>/<time>`, a part
 * of that from behind, or the beginning of its time where only one run fits.
 */
export async function findRun(root: string, nameOrPrefix: string, kinds?: readonly RunInfo['kind'][]): Promise<RunPlace> {
  const asFolder = smallDrive(resolve(nameOrPrefix));
  if (nameOrPrefix !== '' && await isRun(asFolder)) return { dir: asFolder, info: await readRunInfo(asFolder) };
  const { places } = await findRuns(root);
  if (nameOrPrefix === 'latest') {
    const latest = places.find(({ info }) => kinds === undefined || kinds.includes(info.kind));
    if (latest !== undefined) return latest;
    const training = kinds?.every((kind) => kind === 'training') ?? false;
    throw training
      ? new TuningForkError('usage', `There is no training in ${root} yet.`, { next: 'Start one with: tuning-fork train --conf <yaml>' })
      : new TuningForkError('usage', `There is no run in ${root} yet.`, { next: 'Start one with: tuning-fork rollout --conf <yaml>' });
  }
  const wanted = nameOrPrefix.replaceAll('\\', '/').replace(/\/+$/, '');
  const named = places.map((place) => ({ place, name: relative(resolve(root), place.dir).split(sep).join('/') }));
  const exact = named.filter(({ name }) => name === wanted || (wanted !== '' && name.endsWith(`/${wanted}`)));
  const found = exact.length > 0 ? exact
    : named.filter(({ name }) => name.startsWith(wanted) || name.slice(name.lastIndexOf('/') + 1).startsWith(wanted));
  if (found.length === 1) return found[0]!.place;
  const some = (found.length > 0 ? found : named).slice(0, 5).map(({ name }) => name).join(', ');
  if (found.length > 1) {
    throw new TuningForkError('usage', `"${nameOrPrefix}" fits ${found.length} runs.`, { next: `Write more of the name: ${some}.` });
  }
  throw new TuningForkError('usage', `There is no run "${nameOrPrefix}" in ${root}.`, {
    next: named.length > 0 ? `The newest there: ${some}.` : 'Start one with: tuning-fork rollout --conf <yaml>',
  });
}

/** Deletes one run, and nothing beside it: the folder must hold a run and lie below `root`, links not followed. */
export async function deleteRun(root: string, dir: string, options: { evenIfRunning?: boolean } = {}): Promise<void> {
  let base: string;
  let target: string;
  try {
    base = await realpath(root);
    target = await realpath(dir);
  } catch (error) {
    throw fileError('delete', dir, error);
  }
  const steps = relative(base, target).split(sep);
  if (steps.length !== 3 || steps.includes('..') || steps.includes('')) {
    throw new TuningForkError('trace', `${dir} is not deleted: it is no run folder in ${root}.`, { next: 'Name one run: <project>/<experiment>/<time>.' });
  }
  const info = await readRunInfo(target);
  if (info.state === 'running' && !options.evenIfRunning) {
    throw new TuningForkError('trace', `Run ${info.run} is not deleted: it is running, or its process died without a word.`, {
      next: 'Stop it first.', where: { file: target },
    });
  }
  try {
    await rm(target, { recursive: true, maxRetries: 5 });
  } catch (error) {
    throw fileError('delete', target, error);
  }
}

function countRun({ columns }: Catalog): RunCounts {
  const counts: RunCounts = { rollouts: columns.count, finished: 0, failed: 0, cancelled: 0, sampled: 0, meanReward: null };
  for (const code of columns.column('status')) counts[STATUSES[code]!]++;
  for (const sampled of columns.column('sampled')) counts.sampled += sampled;
  const rewards = columns.column('reward').filter((reward) => !Number.isNaN(reward));
  if (rewards.length > 0) counts.meanReward = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return counts;
}

/** All runs below `root`, newest first, without a look into them. */
export async function findRuns(root: string): Promise<{ places: RunPlace[]; problems: TuningForkError[] }> {
  const base = smallDrive(resolve(root));
  const places: RunPlace[] = [];
  const problems: TuningForkError[] = [];
  for (const project of await folders(base)) {
    for (const experiment of await folders(project)) {
      for (const dir of await folders(experiment)) {
        if (!await isRun(dir)) continue;
        try {
          places.push({ dir, info: await readRunInfo(dir) });
        } catch (error) {
          problems.push(fileError('read', dir, error));
        }
      }
    }
  }
  places.sort((a, b) => order(b.info.created, a.info.created) || order(b.dir, a.dir));
  return { places, problems };
}

/** `<root>/<project>/<experiment>/<time>`: where runs lie, without a look into them. What can't be read is passed over. */
export async function runFolders(root: string): Promise<string[]> {
  let level = [smallDrive(resolve(root))];
  for (let depth = 0; depth < 3; depth++) level = (await Promise.all(level.map((dir) => folders(dir).catch(() => [])))).flat();
  return level;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function folders(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(dir, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError('read', dir, error);
  }
}

async function isRun(dir: string): Promise<boolean> {
  try {
    return (await stat(join(dir, RUN_FILE))).isFile();
  } catch {
    return false;
  }
}
