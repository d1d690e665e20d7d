/** js-debug as the child of our session: it attaches to the worker that waits for it. */
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { DebugEvents } from '../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { showError } from '../errors.ts';
import type { Studio } from '../studio.ts';

/** Two debuggers of one process would fight over it, and js-debug would let them. */
const attached = new Set<string>();

export async function attachToWorker(studio: Studio, parent: vscode.DebugSession, { url }: DebugEvents['tuningFork/inspector']): Promise<void> {
  if (attached.has(url)) return;
  attached.add(url);
  const { project } = parent.configuration as { project?: string };
  const code = project ?? parent.workspaceFolder?.uri.fsPath ?? '';
  const started = await vscode.debug.startDebugging(parent.workspaceFolder, {
    type: 'pwa-node', request: 'attach', name: vscode.l10n.t('{0}: code', parent.name),
    websocketAddress: url,
    continueOnAttach: true,
    // A tool that starts processes would have them stopped.
    autoAttachChildProcesses: false,
    attachExistingChildren: false,
    // The runtime is skipped so that stepping into code ends up in the user's.
    skipFiles: ['<node_internals>/**', '**/node_modules/**', `${join(studio.context.extensionPath, 'runtime').replaceAll('\\', '/')}/**`],
    // What the loader compiles carries its map with it: there is nothing to look for on the disk.
    outFiles: [],
    resolveSourceMapLocations: [`${code.replaceAll('\\', '/')}/**`, '!**/node_modules/**'],
  }, {
    parentSession: parent, lifecycleManagedByParent: true, compact: false, consoleMode: vscode.DebugConsoleMode.MergeWithParent,
    suppressDebugStatusbar: true, suppressSaveBeforeStart: true,
  });
  if (started) return;
  attached.delete(url);
  await vscode.debug.stopDebugging(parent);
  await showError(studio, new TuningForkError('usage', vscode.l10n.t('The JavaScript debugger could not attach to the workflow.'), {
    next: vscode.l10n.t('Enable the built-in extension "JavaScript Debugger", or run without debugging (Ctrl+F5).'),
  }));
}
