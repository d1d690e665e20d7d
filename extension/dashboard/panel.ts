/** A project's dashboard in a panel: the page, and the answers to what it asks. */
import { randomBytes } from 'node:crypto';
import { basename, join, sep } from 'node:path';
import * as vscode from 'vscode';
import { checkDashboardParams } from '../../runtime/protocol/dashboard-requests.ts';
import type { DashboardAction, DashboardEvent, TrainingLive } from '../../runtime/protocol/dashboard.ts';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { readRunInfo } from '../../runtime/trace/index.ts';
import { Dashboard } from '../../runtime/view/dashboard.ts';
import { execute, type RunPlace } from '../commands/table.ts';
import { inOurWords, NothingYetError, showError, showPlace } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { storedTrainings } from '../training/choose.ts';
import type { Trainings } from '../training/trainings.ts';
import { projectsOf } from '../views/projects.ts';

/** Open ones by project. */
const open = new Map<string, { panel: vscode.WebviewPanel; focus(dir: string): void }>();

export async function openDashboard(studio: Studio, trainings: Trainings, viewType: string, place: RunPlace | undefined, quietly: boolean): Promise<void> {
  const meant = place ?? trainings.under.at(-1) ?? (await storedTrainings(studio))[0];
  const project = meant?.project ?? (await projectsOf(studio))[0];
  if (project === undefined) throw new NothingYetError('workflow', vscode.l10n.t('There is no project here.'), vscode.l10n.t('Make one, or look at an example.'));
  const shown = open.get(project);
  if (shown !== undefined) {
    shown.panel.reveal(undefined, quietly);
    if (meant !== undefined) shown.focus(meant.dir);
    return;
  }
  const title = vscode.l10n.t('Training: {0}', basename(project));
  const panel = vscode.window.createWebviewPanel(viewType, title, { viewColumn: quietly ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active, preserveFocus: quietly }, {});
  fill(studio, trainings, panel, project, meant?.dir);
}

/** As it was before the window was reloaded; which project that was is told by what it showed. */
export async function restoreDashboard(studio: Studio, trainings: Trainings, panel: vscode.WebviewPanel, state: unknown): Promise<void> {
  const main = typeof state === 'object' && state !== null && 'main' in state && typeof state.main === 'string' ? state.main : undefined;
  const projects = await projectsOf(studio);
  const project = main === undefined ? projects[0] : projects.find((one) => main.startsWith(one + sep)) ?? join(main, '../../../..');
  if (project === undefined) panel.dispose();
  else fill(studio, trainings, panel, project, undefined);
}

function fill(studio: Studio, trainings: Trainings, panel: vscode.WebviewPanel, project: string, first: string | undefined): void {
  const { webview } = panel;
  const assets = vscode.Uri.joinPath(studio.context.extensionUri, 'dist', 'webview');
  const roots = new Set([join(project, 'runs'), ...trainings.all.filter((one) => one.project === project).map(({ dir }) => join(dir, '../../..'))]);
  const dashboard = new Dashboard([...roots], {
    capabilities: vscode.workspace.isTrusted ? ['control', 'rollout', 'code'] : ['rollout', 'code'],
    language: vscode.env.language,
    live: (dir) => liveOf(trainings, dir),
    onDidChange: (listener) => {
      const listening = trainings.onDidChange(listener);
      return () => listening.dispose();
    },
    act: (action) => act(studio, project, action),
  });
  const tell = (event: DashboardEvent): void => void webview.postMessage({ event });
  let focus = first;
  webview.options = { enableScripts: true, localResourceRoots: [assets] };
  const asked = webview.onDidReceiveMessage(async ({ id, method, params }: { id: number; method: string; params: unknown }) => {
    try {
      const question = checkDashboardParams(method, params);
      if (question.method === 'open') {
        const result = await dashboard.view(focus);
        await webview.postMessage({ id, result });
      } else {
        const ask = dashboard.requests[question.method] as (given: unknown) => Promise<unknown>;
        await webview.postMessage({ id, result: await ask(question.params) });
      }
    } catch (error) {
      await webview.postMessage({ id, error: inOurWords(errorInfo(error)) });
    }
  });
  // What is hidden is told nothing: its page is gone, and asks anew when it comes back.
  let stop: (() => void) | undefined;
  const follow = (): void => {
    if (panel.visible) stop ??= dashboard.watch(tell);
    else stop = void stop?.();
  };
  follow();
  const seen = panel.onDidChangeViewState(follow);
  const mine = { panel, focus: (dir: string) => {
    focus = dir;
    tell({ type: 'focus', dir });
  } };
  open.set(project, mine);
  panel.onDidDispose(() => {
    stop?.();
    asked.dispose();
    seen.dispose();
    if (open.get(project) === mine) open.delete(project);
  });
  webview.html = page(webview, assets);
}

function liveOf(trainings: Trainings, dir: string): TrainingLive | undefined {
  const training = trainings.all.find((one) => one.dir === dir);
  return training && { state: training.state, phase: training.phase ?? null, progress: training.progress ?? null, notices: [...training.notices] };
}

const CONTROLS = { pause: 'tuningFork.pauseTraining', resume: 'tuningFork.resumeTraining', stop: 'tuningFork.stopTraining', checkpoint: 'tuningFork.saveCheckpoint', continue: 'tuningFork.continueTraining', useCheckpoint: 'tuningFork.useCheckpoint' } as const;

async function act(studio: Studio, project: string, action: DashboardAction): Promise<void> {
  const { dir } = action;
  try {
    if (action.do === 'rollout') return void await execute('tuningFork.openViewer', { dir, rollout: action.rollout });
    const { run, conf } = await readRunInfo(dir);
    if (action.do === 'config') return await showPlace({ file: conf }, { viewColumn: vscode.ViewColumn.Beside });
    await execute(CONTROLS[action.do], { project, run, dir });
  } catch (error) {
    await showError(studio, error);
  }
}

function page(webview: vscode.Webview, assets: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64url');
  const file = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(assets, name)).toString();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource}; font-src ${webview.cspSource}`;
  return `<!doctype html><html lang="${vscode.env.language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="stylesheet" href="${file('dashboard.css')}"></head><body><script type="module" nonce="${nonce}" src="${file('dashboard.js')}"></script></body></html>`;
}
