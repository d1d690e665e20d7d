/** After a reload: finds the trainings that went on meanwhile, and tells the end of those that came to it. */
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { hasBackbone, projectFolder } from '../../runtime/backbone/location.ts';
import { readRunInfo } from '../../runtime/trace/index.ts';
import type { Studio } from '../studio.ts';
import { projectsOf } from '../views/projects.ts';
import { stateOf } from '../views/runs/library.ts';
import { tellEnd } from './ending.ts';
import { trainingOf } from './progress.ts';
import type { Trainings } from './trainings.ts';

export async function reattach(studio: Studio, trainings: Trainings): Promise<void> {
  const tried = new Set<string>();
  const look = async (): Promise<void> => {
    for (const project of await projectsOf(studio)) {
      if (tried.has(project)) continue;
      tried.add(project);
      await attach(studio, project);
    }
  };
  studio.context.subscriptions.push(studio.discovery.onDidChange(() => void look()));
  await look();
  for (const dir of trainings.untold) await tellLate(studio, trainings, dir);
}

async function attach({ backbones, log }: Studio, project: string): Promise<void> {
  if (!hasBackbone(project)) return;
  try {
    await backbones.reattach(project);
  } catch (error) {
    log.warn(`the backbone of ${project} runs and can't be used: ${errorInfo(error).message}`);
  }
}

/** It ended while nobody looked, or was lost with its backbone. */
async function tellLate(studio: Studio, trainings: Trainings, dir: string): Promise<void> {
  if (trainings.under.some((training) => training.dir === dir)) return;
  try {
    const info = await readRunInfo(dir);
    const state = stateOf(info);
    if (state === 'running') return;
    const training = { ...trainingOf({ project: projectFolder(dir), run: info.run, dir }, info), state };
    if (info.error !== undefined) training.error = info.error;
    await tellEnd(studio, trainings, training);
  } catch {
    // Its folder is gone, and with it whatever could be told.
    await trainings.told(dir);
  }
}
