/** Wires the features; each lives in a room of its own. */
import * as vscode from 'vscode';
import { Backbones } from './backbone/backbones.ts';
import { Secrets } from './backbone/secrets.ts';
import { command } from './commands/table.ts';
import { WorkspaceDiscovery } from './discovery/workspace.ts';
import { registerEditor } from './editor/feature.ts';
import { registerRuns } from './runs/feature.ts';
import type { Studio } from './studio.ts';
import { registerViews } from './views/feature.ts';
import { registerTraining } from './training/feature.ts';

export function activate(context: vscode.ExtensionContext): Studio {
  const log = vscode.window.createOutputChannel('Tuning Fork', { log: true });
  const secrets = new Secrets(context);
  const backbones = new Backbones(secrets, log);
  const discovery = new WorkspaceDiscovery(log);
  context.subscriptions.push(log, backbones, discovery);
  const studio: Studio = { context, log, secrets, backbones, discovery };
  command(studio, 'tuningFork.showLog', () => log.show());
  registerRuns(studio);
  registerViews(studio);
  registerTraining(studio);
  registerEditor(studio);
  return studio;
}
