/** One editor of a run: the page in a webview, and the answers to what it asks. */
import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { checkViewerParams } from '../../runtime/protocol/viewer-requests.ts';
import type { ViewerAction, ViewerEvent, ViewFocus } from '../../runtime/protocol/viewer.ts';
import { RunViewer } from '../../runtime/view/viewer.ts';
import { execute, type RolloutPlace } from '../commands/table.ts';
import { inOurWords, sentenceOf, showError, showPlace } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { lookedAt, shown, type Shown } from './shown.ts';

export async function reveal(place: RolloutPlace, wanted: Map<string, RolloutPlace>, openEditor: (dir: string) => Thenable<unknown>): Promise<void> {
  const known = shown.get(place.dir);
  // A page in sight is told; one that is hidden is not there, and asks when it comes again.
  if (known?.panel.visible === true) {
    if (place.rollout !== '') known.tell({ type: 'focus', focus: focusOf(place) });
  } else wanted.set(place.dir, place);
  if (known === undefined) await openEditor(place.dir);
  else bringUp(known);
}

/** Back to where one came from: the place in it is kept. False: none is open. */
export function goBack(): boolean {
  const last = [...shown.values()].at(-1);
  if (last !== undefined) bringUp(last);
  return last !== undefined;
}

/** Where it is: without its column it would be torn out of it. */
function bringUp({ panel }: Shown): void {
  panel.reveal(panel.viewColumn);
}

export async function show(studio: Studio, uri: vscode.Uri, panel: vscode.WebviewPanel, wanted: Map<string, RolloutPlace>): Promise<void> {
  const dir = dirname(uri.fsPath);
  const { webview } = panel;
  const assets = vscode.Uri.joinPath(studio.context.extensionUri, 'dist', 'webview');
  const trusted = vscode.workspace.isTrusted;
  const opened = await RunViewer.open(dir, {
    capabilities: trusted ? ['code', 'copy', 'save', 'fork', 'debug', 'score'] : ['code', 'copy', 'save'],
    language: vscode.env.language,
    act: (action) => act(dir, action),
    export: async (choice) => {
      await execute('tuningFork.exportRun', { project: projectFolder(dir), run: basename(dir), dir }, choice);
      return null;
    },
    score: async (folder, rollout, model) => (await studio.backbones.score(projectFolder(folder), { dir: folder, rollout, model })).calls,
  }).catch((error: unknown) => errorInfo(error));
  if (!(opened instanceof RunViewer)) {
    webview.html = `<!doctype html><html lang="${vscode.env.language}"><body><p>${escaped(sentenceOf(opened))}</p></body></html>`;
    return;
  }
  const viewer = opened;
  const { workflow, project } = viewer.run.info;
  panel.title = workflow || project;
  const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(studio.context.extensionUri, 'extension', 'viewer', `${theme}.svg`);
  panel.iconPath = { light: icon('light'), dark: icon('dark') };
  const tell = (event: ViewerEvent): void => void webview.postMessage({ event });
  webview.options = { enableScripts: true, localResourceRoots: [assets] };
  const asked = webview.onDidReceiveMessage(async ({ id, method, params }: { id: number; method: string; params: unknown }) => {
    try {
      const question = checkViewerParams(method, params);
      if (question.method === 'open') {
        const place = wanted.get(dir);
        wanted.delete(dir);
        await webview.postMessage({ id, result: await viewer.view(place === undefined || place.rollout === '' ? undefined : focusOf(place)) });
      } else {
        const ask = viewer.requests[question.method] as (given: unknown) => Promise<unknown>;
        await webview.postMessage({ id, result: await ask(question.params) });
      }
    } catch (error) {
      await webview.postMessage({ id, error: inOurWords(errorInfo(error)) });
    }
  });
  const stop = viewer.watch(tell);
  const own: Shown = { panel, tell };
  lookedAt(dir, own);
  const followed = panel.onDidChangeViewState(() => { if (panel.active) lookedAt(dir, own); });
  panel.onDidDispose(() => {
    stop();
    asked.dispose();
    followed.dispose();
    if (shown.get(dir) === own) shown.delete(dir);
  });
  webview.html = page(webview, assets);

  async function act(folder: string, action: ViewerAction): Promise<string | null> {
    try {
      switch (action.do) {
        case 'code': await showPlace(action.place, { viewColumn: vscode.ViewColumn.Beside }); break;
        case 'copy': await vscode.env.clipboard.writeText(action.text); break;
        case 'fork': await execute('tuningFork.forkRollout', { dir: folder, rollout: action.rollout, call: action.call, token: action.token }); break;
        case 'debug': await execute('tuningFork.debugRollout', { dir: folder, rollout: action.rollout }); break;
        case 'openRun': await execute('tuningFork.openViewer', { dir: action.dir, rollout: action.rollout ?? '', call: action.call, token: action.token }); break;
      }
    } catch (error) {
      await showError(studio, error);
    }
    return null;
  }
}

let asks = 0;

function focusOf({ rollout, call, token }: RolloutPlace): ViewFocus {
  return { rollout, asked: (asks += 1), ...(call !== undefined && { call }), ...(token !== undefined && { token }) };
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function page(webview: vscode.Webview, assets: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64url');
  const file = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(assets, name)).toString();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${webview.cspSource}; font-src ${webview.cspSource}`;
  return `<!doctype html><html lang="${vscode.env.language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="stylesheet" href="${file('viewer.css')}"></head><body><script type="module" nonce="${nonce}" src="${file('viewer.js')}"></script></body></html>`;
}
