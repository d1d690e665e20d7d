/** The trainings of a project as they lie on the disk, and the weights they kept. No editor here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readRunInfo, runFolders } from '../../runtime/trace/index.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import type { KeptCheckpoint, KeptTraining, TrainingReport } from '../../runtime/protocol/training.ts';
import type { RunPlace } from '../commands/table.ts';

export interface StoredTraining extends RunPlace {
  info: RunInfo;
  /** The last step that counts. */
  step: number;
  checkpoints: StoredCheckpoint[];
}

export interface StoredCheckpoint extends KeptCheckpoint {
  /** Absolute. */
  path: string;
}

/** Newest first. Folders that can't be read are passed over: there is nothing to go on from. */
export async function trainingsOf(project: string): Promise<StoredTraining[]> {
  const found = await Promise.all((await runFolders(join(project, 'runs'))).map((dir) => storedTraining(project, dir)));
  return found.filter((one) => one !== undefined).sort((a, b) => (a.info.created < b.info.created ? 1 : -1));
}

export async function storedTraining(project: string, dir: string): Promise<StoredTraining | undefined> {
  try {
    const kept = JSON.parse(await readFile(join(dir, 'training.json'), 'utf8')) as KeptTraining;
    const info = await readRunInfo(dir);
    const checkpoints = kept.checkpoints.map((one) => ({ ...one, path: join(dir, one.directory) }));
    return { project, run: info.run, dir, info, step: kept.step, checkpoints: checkpoints.sort((a, b) => b.step - a.step) };
  } catch {
    return undefined;
  }
}

export async function storedReport(dir: string): Promise<{ report: TrainingReport; files: { json: string; html: string } } | undefined> {
  const files = { json: join(dir, 'report.json'), html: join(dir, 'report.html') };
  try {
    return { report: JSON.parse(await readFile(files.json, 'utf8')) as TrainingReport, files };
  } catch {
    return undefined;
  }
}

