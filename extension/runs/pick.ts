/** Which run, or which rollout, where nobody has pointed at one. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { findRuns } from '../../runtime/trace/index.ts';
import { join } from 'node:path';
import type { RolloutPlace, RunPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { projectsOf } from '../views/projects.ts';
import { stateOf, type RunState } from '../views/runs/library.ts';
import { decimal } from './progress-text.ts';
import { readerOf } from './readers.ts';

/** As many as anybody looks through. */
const CHOICES = 200;

export async function pickRun(studio: Studio, title: string, fits: (state: RunState) => boolean = () => true): Promise<RunPlace | undefined> {
  const found = await Promise.all((await projectsOf(studio)).map(async (project) => {
    const { places } = await findRuns(join(project, 'runs'));
    return places.map(({ dir, info }) => ({ project, run: info.run, dir, info }));
  }));
  const runs = found.flat().filter(({ info }) => fits(stateOf(info))).sort((a, b) => b.info.created.localeCompare(a.info.created));
  if (runs.length === 0) throw new TuningForkError('usage', vscode.l10n.t('There is no such run in this workspace.'), { next: vscode.l10n.t('Start one with "Tuning Fork: Run Rollouts".') });
  const picked = await vscode.window.showQuickPick(runs.slice(0, CHOICES).map(({ project, run, dir, info }) => ({
    label: info.workflow, description: `${run} · ${info.kind} · ${info.state}`, place: { project, run, dir },
  })), { title, matchOnDescription: true });
  return picked?.place;
}

export async function pickRollout(studio: Studio, title: string): Promise<RolloutPlace | undefined> {
  const run = await pickRun(studio, title);
  if (run === undefined) return undefined;
  const reader = await readerOf(run.dir);
  const entries = Array.from({ length: Math.min(reader.count, CHOICES) }, (_, i) => reader.entry(i));
  const picked = await vscode.window.showQuickPick(entries.map(({ id, task, reward, status }) => ({
    label: id, description: `${task} · ${status === 'finished' && reward !== null ? decimal(reward) : status}`,
  })), { title, matchOnDescription: true });
  return picked && { dir: run.dir, rollout: picked.label };
}
