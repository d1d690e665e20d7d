/** "Run Rollouts": the first tasks of a configuration, from wherever it was asked for. */
import * as vscode from 'vscode';
import { loadConfig } from '../../runtime/config/load.ts';
import { execute, type RunTarget } from '../commands/table.ts';
import { asOverrides } from '../discovery/given.ts';
import { sentenceOf, showError, showPlace } from '../errors.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { launch, LostError, type Ended } from './launch.ts';
import { outputChannel } from './output.ts';
import { decimal, meanReward, rolloutCount } from './progress-text.ts';
import { resolveTarget, saveDirty, type ResolvedTarget } from './target.ts';

const SAID_MS = 10_000;

/** The run that was made, once it has come to its end. */
export async function runRollouts(studio: Studio, target?: RunTarget | vscode.Uri): Promise<Ended | undefined> {
  const found = await resolveTarget(studio, target);
  if (found === undefined) return undefined;
  const { project, conf, given } = found;
  const asked: RunTarget = target instanceof vscode.Uri ? {} : target ?? {};
  await saveDirty(project);
  const scope = vscode.Uri.file(conf);
  const again = { title: vscode.l10n.t('Run Rollouts'), run: () => execute('tuningFork.runRollouts', { ...asked, conf, workflow: found.workflow }) };
  const ended = await launch(studio, {
    project,
    request: {
      kind: 'rollout', conf, workflow: given?.workflow, model: asked.model,
      tasks: asked.tasks === undefined ? { first: await firstTasks(studio, found) } : { ids: asked.tasks },
      repeats: asked.repeats ?? setting('rollouts.repeats', scope),
      concurrency: setting('rollouts.concurrency', scope),
    },
    title: vscode.l10n.t('Rollouts of {0}', found.workflow?.className ?? vscode.workspace.asRelativePath(conf)),
    onEvent: (event) => {
      if (event.type === 'started') void execute('tuningFork.showRun', event.dir, true);
    },
  }).catch((error: unknown) => {
    if (!(error instanceof LostError)) throw error;
    void showError(studio, error, [again]);
  });
  if (ended === undefined) return undefined;
  void tellEnd(studio, ended);
  return ended;
}

/** As many as `debug.debug_first_n_tasks` says. What is wrong with the configuration is told by whoever reads it here. */
export async function firstTasks({ secrets }: Studio, { conf, project, given }: ResolvedTarget): Promise<number> {
  const { config } = await loadConfig(conf, asOverrides(given), { env: await secrets.environment(), cwd: project });
  return config.debug.debug_first_n_tasks;
}

/** A message only where somebody has to do something. */
async function tellEnd(studio: Studio, { live, state, error, progress, failures }: Ended): Promise<void> {
  if (error !== undefined) return showError(studio, error);
  const mean = meanReward(progress);
  const [first] = failures;
  if (first === undefined) {
    const words = [
      state === 'cancelled' ? vscode.l10n.t('cancelled') : undefined,
      mean === undefined ? undefined : vscode.l10n.t('mean reward {0}', decimal(mean)),
      rolloutCount(progress.finished, vscode.l10n),
    ].filter((word) => word !== undefined);
    vscode.window.setStatusBarMessage(`$(${state === 'cancelled' ? 'circle-slash' : 'check'}) ${live.status.info.workflow}: ${words.join(' · ')}`, SAID_MS);
    return;
  }
  const [place, rollout, output] = [vscode.l10n.t('Show the Place'), vscode.l10n.t('Open Rollout'), vscode.l10n.t('Show Output')];
  const sentence = vscode.l10n.t('{0} of {1} rollouts failed: {2}', progress.failed, progress.planned, sentenceOf(first.error));
  const chosen = await vscode.window.showErrorMessage(withoutLinks(sentence), ...(first.error.where === undefined ? [] : [place]), rollout, output);
  if (chosen === place) await showPlace(first.error.where!);
  if (chosen === rollout) await execute('tuningFork.openRollout', { dir: live.dir, rollout: first.rollout });
  if (chosen === output) outputChannel().show(true);
}
