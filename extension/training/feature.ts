/** Training from the editor. What is heavy is loaded when it is first used; only the list of trainings is always there. */
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { TrainingStatus } from './status-bar.ts';
import { Trainings } from './trainings.ts';

/** After start-up: nobody waits for it. */
const REATTACH_MS = 500;

export function registerTraining(studio: Studio): Trainings {
  const trainings = new Trainings(studio);
  const ended = trainings.onDidEnd(async (training) => (await import('./ending.ts')).tellEnd(studio, trainings, training));
  const reattaching = setTimeout(async () => (await import('./reattach.ts')).reattach(studio, trainings), REATTACH_MS);
  studio.context.subscriptions.push(trainings, ended, new TrainingStatus(trainings), { dispose: () => clearTimeout(reattaching) });

  const control = () => import('./control.ts');
  const weights = () => import('./weights.ts');
  command(studio, 'tuningFork.startTraining', async (target) => (await import('./start.ts')).startTraining(studio, trainings, target));
  command(studio, 'tuningFork.setUpGpu', async () => (await import('./gpu.ts')).setUpGpu(studio));
  command(studio, 'tuningFork.pauseTraining', async (run) => (await control()).pause(studio, trainings, run));
  command(studio, 'tuningFork.resumeTraining', async (run) => (await control()).resume(studio, trainings, run));
  command(studio, 'tuningFork.stopTraining', async (run) => (await control()).stop(studio, trainings, run));
  command(studio, 'tuningFork.saveCheckpoint', async (run) => (await control()).checkpointNow(studio, trainings, run));
  command(studio, 'tuningFork.continueTraining', async (run) => (await control()).continueTraining(studio, trainings, run));
  command(studio, 'tuningFork.showTrainings', async () => (await control()).showTrainings(studio, trainings));
  command(studio, 'tuningFork.showReport', async (run) => (await import('./report.ts')).showReport(studio, run));
  command(studio, 'tuningFork.useCheckpoint', async (checkpoint) => (await weights()).useCheckpoint(studio, checkpoint));
  command(studio, 'tuningFork.serveCheckpoint', async (checkpoint) => (await weights()).serveCheckpoint(studio, checkpoint));
  return trainings;
}
