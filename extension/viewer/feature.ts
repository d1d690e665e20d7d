/** The trace viewer as the editor of a run: `run.json` of a run's folder opens in it. */
import * as vscode from 'vscode';
import { join } from 'node:path';
import { command, execute, type RolloutPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';

export const VIEW_TYPE = 'tuningFork.run';

export function registerViewer(studio: Studio): void {
  /** Where an editor that is about to open shall begin, by folder. */
  const wanted = new Map<string, RolloutPlace>();
  studio.context.subscriptions.push(vscode.window.registerCustomEditorProvider(VIEW_TYPE, {
    openCustomDocument: (uri) => ({ uri, dispose: () => {} }),
    resolveCustomEditor: async ({ uri }, panel) => (await import('./editor.ts')).show(studio, uri, panel, wanted),
  }, { supportsMultipleEditorsPerDocument: true }));
  command(studio, 'tuningFork.openViewer', async (place, beside) => {
    const { goBack, reveal } = await import('./editor.ts');
    if (place === undefined) return goBack() ? undefined : execute('tuningFork.openRollout');
    // A run of the view "Runs" begins with its table.
    await reveal('rollout' in place ? place : { dir: place.dir, rollout: '' }, wanted, (dir) => vscode.commands.executeCommand('vscode.openWith', vscode.Uri.file(join(dir, 'run.json')), VIEW_TYPE, beside === true ? vscode.ViewColumn.Beside : undefined));
  });
}
