/** What training gave, put to use: in rollouts, in the configuration, behind a server. */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { nodeForRuns } from '../backbone/node.ts';
import { requireTrust } from '../backbone/backbones.ts';
import { execute, type RunPlace } from '../commands/table.ts';
import { resolveTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { chooseCheckpoint } from './choose.ts';
import { withModelPath } from './model-path.ts';

const LONGEST_START_MS = 60_000;
const POLL_MS = 300;

export async function useCheckpoint(studio: Studio, checkpoint?: string | RunPlace): Promise<void> {
  requireTrust();
  const path = typeof checkpoint === 'string' ? checkpoint : await chooseCheckpoint(studio, vscode.l10n.t('Which weights?'), { of: checkpoint });
  if (path === undefined) return;
  const found = await resolveTarget(studio);
  if (found === undefined) return;
  const run = { label: `$(play) ${vscode.l10n.t('Run Rollouts with It')}`, description: basename(path) };
  const write = { label: `$(edit) ${vscode.l10n.t('Write It into the Configuration')}`, description: `model.path · ${vscode.workspace.asRelativePath(found.conf)}` };
  const chosen = await vscode.window.showQuickPick(found.given === undefined ? [run, write] : [run], { title: vscode.l10n.t('Use {0}', basename(path)) });
  if (chosen === run) await execute('tuningFork.runRollouts', { conf: found.conf, workflow: found.workflow, model: path });
  if (chosen === write) await writeModel(found.conf, path);
}

async function writeModel(conf: string, path: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(conf);
  const change = withModelPath(document.getText(), dirname(conf), path);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, new vscode.Range(document.positionAt(change.from), document.positionAt(change.to)), change.text);
  await vscode.workspace.applyEdit(edit);
  const at = document.positionAt(change.from + change.text.length);
  await vscode.window.showTextDocument(document, { selection: new vscode.Range(at, at) });
}

/** In a terminal, so that its requests can be watched and Ctrl-C ends it. */
export async function serveCheckpoint(studio: Studio, checkpoint?: string | RunPlace): Promise<void> {
  requireTrust();
  const path = typeof checkpoint === 'string' ? checkpoint : await chooseCheckpoint(studio, vscode.l10n.t('Which weights shall be served?'), { of: checkpoint, embedded: true });
  if (path === undefined) return;
  const node = nodeForRuns();
  const key = `tf-${randomBytes(18).toString('base64url')}`;
  const port = await freePort();
  const name = basename(path);
  const terminal = vscode.window.createTerminal({
    name: vscode.l10n.t('Serve {0}', name), iconPath: new vscode.ThemeIcon('broadcast'), isTransient: true,
    shellPath: node, shellArgs: ['--disable-warning=ExperimentalWarning', join(studio.context.extensionPath, 'runtime/cli/bin.mjs'), 'serve', path, '--port', String(port)],
    // By the environment: what a command is called with can be read by everybody on the machine.
    env: { TUNING_FORK_API_KEY: key, NODE_OPTIONS: null, ...(node === process.execPath && process.versions.electron !== undefined && { ELECTRON_RUN_AS_NODE: '1' }) },
  });
  terminal.show(true);
  const baseURL = `http://127.0.0.1:${port}/v1`;
  if (await answers(baseURL, key, terminal)) await tellServer(name, baseURL, key);
}

async function tellServer(name: string, baseURL: string, key: string): Promise<void> {
  const [url, secret] = [vscode.l10n.t('Copy Base URL'), vscode.l10n.t('Copy API Key')];
  let chosen: string | undefined;
  do {
    chosen = await vscode.window.showInformationMessage(withoutLinks(vscode.l10n.t('{0} is served at {1} for any OpenAI client.', name, baseURL)), url, secret);
    if (chosen !== undefined) await vscode.env.clipboard.writeText(chosen === url ? baseURL : key);
    // A client needs both.
  } while (chosen === url);
}

async function answers(baseURL: string, key: string, terminal: vscode.Terminal): Promise<boolean> {
  for (const end = Date.now() + LONGEST_START_MS; Date.now() < end && terminal.exitStatus === undefined; await sleep(POLL_MS)) {
    const answer = await fetch(`${baseURL}/models`, { headers: { authorization: `Bearer ${key}` } }).catch(() => undefined);
    if (answer?.ok) return true;
  }
  return false;
}

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
