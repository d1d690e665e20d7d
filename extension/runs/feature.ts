/** Running rollouts, and what can be done with a run. Each action is loaded when it is first asked for. */
import { l10n } from 'vscode';
import { command, execute, type RolloutPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { disposeOutput } from './output.ts';
import type { RolloutDocuments } from './rollout-document.ts';

export function registerRuns(studio: Studio): void {
  const actions = () => import('./actions.ts');
  let documents: RolloutDocuments | undefined;
  studio.context.subscriptions.push({ dispose: disposeOutput }, { dispose: () => documents?.dispose() });
  command(studio, 'tuningFork.runRollouts', async (target) => (await import('./run-rollouts.ts')).runRollouts(studio, target));
  command(studio, 'tuningFork.cancelRun', async (run) => (await actions()).cancelRun(studio, run));
  command(studio, 'tuningFork.deleteRun', async (run, selected) => (await actions()).deleteRuns(studio, run, selected));
  command(studio, 'tuningFork.exportRun', async (run, choice) => (await import('./export.ts')).exportRun(studio, run, choice));
  command(studio, 'tuningFork.revealRun', async (run) => (await actions()).revealRun(studio, run));
  command(studio, 'tuningFork.copyId', async (place) => (await actions()).copyId(studio, place));
  const chosen = async (rollout: RolloutPlace | undefined): Promise<RolloutPlace | undefined> => rollout ?? (await import('./pick.ts')).pickRollout(studio, l10n.t('Open Rollout'));
  command(studio, 'tuningFork.openRollout', async (rollout) => execute('tuningFork.openViewer', await chosen(rollout)));
  command(studio, 'tuningFork.openRolloutText', async (rollout) => {
    const place = await chosen(rollout);
    if (place === undefined) return;
    documents ??= new (await import('./rollout-document.ts')).RolloutDocuments();
    await documents.show(place);
  });
}
