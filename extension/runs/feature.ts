/** Running rollouts, and what can be done with a run. Each action is loaded when it is first asked for. */
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { disposeOutput } from './output.ts';

export function registerRuns(studio: Studio): void {
  studio.context.subscriptions.push({ dispose: disposeOutput });
  command(studio, 'tuningFork.runRollouts', async (target) => (await import('./run-rollouts.ts')).runRollouts(studio, target));
}
