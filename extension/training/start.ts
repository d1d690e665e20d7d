/** "Start Training": asks what can't be known, looks whether it can work, tells what it takes, and starts it. */
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import * as vscode from 'vscode';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { missingKey } from '../../runtime/protocol/providers.ts';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { localize } from '../../runtime/protocol/localize.ts';
import type { TrainingEstimate } from '../../runtime/protocol/training.ts';
import type { LiveRun, RunRequest } from '../backbone/backbones.ts';
import { execute, type RunTarget } from '../commands/table.ts';
import { showError, windowLanguage, type Fix } from '../errors.ts';
import { isSameFile } from '../real-path.ts';
import { resolveTarget, saveDirty, type ResolvedTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { chooseCheckpoint } from './choose.ts';
import { setUpGpu } from './gpu.ts';
import { choosePlace } from './place.ts';
import { DryRolloutError, NoBackboneError, NoWeightsError, onBackbone, readConfig, requireBackbone, requireWeights, tryOne, type Wanted } from './preflight.ts';
import { chooseRoles } from './roles.ts';
import { estimateText, phaseText, sizeText } from './texts.ts';
import type { Trainings } from './trainings.ts';

/** Under this name a run finds the token of a GPU runtime that runs elsewhere. */
const GPU_TOKEN = 'TUNING_FORK_GPU_TOKEN';

/** The training that goes on now; undefined where none was started. */
export async function startTraining(studio: Studio, trainings: Trainings, target?: RunTarget | vscode.Uri): Promise<LiveRun | undefined> {
  const found = await resolveTarget(studio, target);
  if (found === undefined || !await startAnother(trainings, found)) return undefined;
  await saveDirty(found.project);
  let wanted: Wanted | undefined = target instanceof vscode.Uri || target?.model === undefined ? {} : { model: target.model };
  while (wanted !== undefined) {
    try {
      const { config } = await readConfig(studio, found, wanted);
      if (wanted.train === undefined) {
        const chosen = await chooseRoles(studio, found, config.trainable_targets);
        if (chosen === undefined) return undefined;
        if (chosen.roles !== undefined) wanted = { ...wanted, train: chosen.roles };
      }
      if (wanted.backbone === undefined) {
        const place = await choosePlace(studio, found, config.backbone);
        if (place === undefined) return undefined;
        if (place.backbone !== undefined) wanted = { ...wanted, backbone: place.backbone };
      }
      return await tryAndStart(studio, found, wanted);
    } catch (error) {
      wanted = await showError(studio, error, fixes(studio, error, wanted));
    }
  }
  return undefined;
}

/** Each gives what is tried next. */
function fixes(studio: Studio, error: unknown, wanted: Wanted): Fix<Promise<Wanted | undefined> | Wanted>[] {
  const { code, next = '' } = errorInfo(error);
  const key = code === 'auth' ? GPU_TOKEN : missingKey(errorInfo(error));
  return [
    ...(error instanceof NoBackboneError ? [{ title: vscode.l10n.t('Train on This Machine'), run: (): Wanted => ({ ...wanted, backbone: 'embedded' }) }] : []),
    ...(/gpu setup/.test(next) ? [
      { title: vscode.l10n.t('Set Up GPU Runtime'), run: async () => (await setUpGpu(studio) ? wanted : undefined) },
      { title: vscode.l10n.t('Train on This Machine'), run: (): Wanted => ({ ...wanted, backbone: 'embedded' }) },
    ] : []),
    ...(error instanceof NoWeightsError ? [
      { title: vscode.l10n.t('Train the Embedded Model'), run: () => ({ ...wanted, model: 'embedded' }) },
      { title: vscode.l10n.t('Choose Another Model'), run: () => chooseModel(studio, wanted) },
    ] : []),
    ...(key === undefined ? [] : [{ title: vscode.l10n.t('Set API Key'), run: async () => (await execute('tuningFork.setApiKey', key) ? wanted : undefined) }]),
    ...(error instanceof DryRolloutError && error.code.startsWith('rollout') ? [{ title: vscode.l10n.t('Train Anyway'), run: () => ({ ...wanted, unchecked: true }) }] : []),
  ];
}

async function chooseModel(studio: Studio, wanted: Wanted): Promise<Wanted | undefined> {
  const model = await chooseCheckpoint(studio, vscode.l10n.t('Which weights shall be trained?'), { embedded: true });
  return model === undefined ? undefined : { ...wanted, model };
}

async function startAnother(trainings: Trainings, { conf }: ResolvedTarget): Promise<boolean> {
  const same = trainings.under.find(({ info }) => isSameFile(info.conf, conf));
  if (same === undefined) return true;
  const [show, another] = [vscode.l10n.t('Show It'), vscode.l10n.t('Start Another')];
  const chosen = await vscode.window.showInformationMessage(withoutLinks(vscode.l10n.t('{0} is being trained already.', same.info.workflow)), show, another);
  if (chosen === show) await execute('tuningFork.openDashboard', same);
  return chosen === another;
}

function tryAndStart(studio: Studio, found: ResolvedTarget, wanted: Wanted): Thenable<LiveRun | undefined> {
  const title = vscode.l10n.t('Start Training');
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, async (progress, token) => {
    progress.report({ message: vscode.l10n.t('reading the configuration…') });
    const config = await readConfig(studio, found, wanted);
    requireBackbone(config);
    requireWeights(config);
    if (!wanted.unchecked) {
      progress.report({ message: vscode.l10n.t('trying one rollout…') });
      if (await tryOne(studio, found, wanted, token) === undefined) return undefined;
    }
    if (token.isCancellationRequested) return undefined;
    progress.report({ message: vscode.l10n.t('starting the trainer…') });
    const { model, train, backbone } = wanted;
    return follow(studio, found.project, { kind: 'training', conf: found.conf, workflow: found.given?.workflow, model, train, ...onBackbone(backbone), training: {} }, progress, token);
  });
}

/** Starts it and stays until its first step is made; what comes then is told by the status bar, and its end by a notification. */
export async function follow(
  studio: Studio, project: string, request: RunRequest, progress: vscode.Progress<{ message?: string }>, token: vscode.CancellationToken,
): Promise<LiveRun> {
  const { backbones } = studio;
  let settled: () => void = () => {};
  const first = new Promise<void>((resolve) => void (settled = resolve));
  let told = '';
  const receive = (event: RunEvent): void => {
    if (event.type === 'estimate') {
      told = estimateText(event.estimate);
      progress.report({ message: told });
      if (event.estimate.minutes === null) void warnOfSpace(studio, live, event.estimate);
    }
    if (event.type === 'trainer') progress.report({ message: withoutLinks(localize(event.text, windowLanguage())) });
    if (event.type === 'training' && event.event.type === 'phase') progress.report({ message: [phaseText(event.event.phase), told].filter(Boolean).join(' · ') });
    if (event.type === 'training' && event.event.type === 'step') settled();
    if (event.type === 'finished') settled();
  };
  let live: LiveRun | undefined;
  const losing = backbones.onDidLose((which) => void (which === project && settled()));
  try {
    live = await backbones.start(project, request, receive);
    const { run } = live;
    const stop = (): void => void backbones.request(project, 'cancel', { run }).catch(() => {});
    if (token.isCancellationRequested) stop();
    token.onCancellationRequested(stop);
    await execute('tuningFork.openDashboard', live, true);
    await first;
    return live;
  } finally {
    losing.dispose();
  }
}

async function warnOfSpace({ backbones, context }: Studio, live: LiveRun | undefined, { disk, trainerMemory }: TrainingEstimate): Promise<void> {
  const { bavail, bsize } = await statfs(live?.dir ?? context.extensionPath);
  const free = bavail * bsize;
  const lacking = [
    ...(disk > free ? [vscode.l10n.t('It may take {0} on the disk, and {1} are free.', sizeText(disk), sizeText(free))] : []),
    ...(trainerMemory > totalmem() ? [vscode.l10n.t('It may take {0} of memory, and the machine has {1}.', sizeText(trainerMemory), sizeText(totalmem()))] : []),
  ];
  if (lacking.length === 0 || live === undefined) return;
  const stop = vscode.l10n.t('Stop Training');
  if (await vscode.window.showWarningMessage(withoutLinks(lacking.join(' ')), stop) === stop) await backbones.request(live.project, 'cancel', { run: live.run });
}
