/** The code of a run as hashes, so that an editor can tell whether what a run says still holds for the code at hand. */
import { realPath } from '../protocol/paths.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { WorkerLoad } from '../protocol/worker.ts';
import { hashProjectFiles } from '../training/fingerprint.ts';

/** Of the workflow, the judge, and what they import of the project. By real path, as the places of calls are. */
export async function sourceHashes({ workflow, judge }: Pick<WorkerLoad, 'workflow' | 'judge'>): Promise<Record<string, string>> {
  return hashed(judge === undefined ? [workflow.file] : [workflow.file, judge.file]);
}

/** Only what the judge alone stands on is new: the rollouts were made by the code of then. */
export async function rejudgedHashes(source: RunInfo, { workflow, judge }: Pick<WorkerLoad, 'workflow' | 'judge'>): Promise<Record<string, string>> {
  const [byWorkflow, byJudge] = await Promise.all([hashed([workflow.file]), hashed(judge === undefined ? [] : [judge.file])]);
  const judgeAlone = Object.entries(byJudge).filter(([file]) => !Object.hasOwn(byWorkflow, file));
  return { ...source.files, ...Object.fromEntries(judgeAlone) };
}

async function hashed(entries: readonly string[]): Promise<Record<string, string>> {
  return hashProjectFiles(entries.map(realPath));
}
