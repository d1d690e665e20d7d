/** Runs rollouts as its command does, and tells which of our files the extension host has loaded by then. */
import { Session } from 'node:inspector';
import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as vscode from 'vscode';
import { until } from '../../vscode/until.ts';
import { tell } from './tell.ts';

export async function run(): Promise<void> {
  const extension = vscode.extensions.getExtension('tuning-fork.tuning-fork')!;
  const urls = scriptsFromNowOn();
  const folder = vscode.workspace.workspaceFolders![0]!;
  await vscode.window.showTextDocument(vscode.Uri.joinPath(folder.uri, 'workflow.ts'));
  await until(() => extension.isActive, 'The extension was not activated.');
  const ended = await vscode.commands.executeCommand<{ state: string } | undefined>('tuningFork.runRollouts');
  if (ended?.state !== 'finished') throw new Error(`The run ended as ${JSON.stringify(ended?.state)}.`);
  const files = [...urls].flatMap(([url, thread]) => {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    return path.startsWith(extension.extensionPath) ? [{ file: relative(extension.extensionPath, path), bytes: statSync(path).size, thread }] : [];
  });
  if (files.length === 0) throw new Error('None of our files was seen to be loaded.');
  tell(files);
}

/** Scripts by their address, those that are there already too; true for those that only a thread has loaded. */
function scriptsFromNowOn(): Map<string, boolean> {
  const urls = new Map<string, boolean>();
  const session = new Session();
  session.connect();
  session.on('Debugger.scriptParsed', ({ params }) => void urls.set(params.url, false));
  session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) => {
    session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id: 1, method: 'Debugger.enable' }) });
  });
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
    const { method, params: { url } = {} } = JSON.parse(params.message) as { method?: string; params?: { url?: string } };
    if (method === 'Debugger.scriptParsed' && url !== undefined && !urls.has(url)) urls.set(url, true);
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  session.post('Debugger.enable');
  return urls;
}
