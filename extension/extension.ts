/** Wires the features; each lives in a room of its own. */
import * as vscode from 'vscode';
import { registerAuthoring } from './authoring/feature.ts';
import { Backbones } from './backbone/backbones.ts';
import { Secrets } from './backbone/secrets.ts';
import { givenFor } from './discovery/given.ts';
import { WorkspaceDiscovery } from './discovery/workspace.ts';
import { registerEditor } from './editor/feature.ts';
import { registerDashboard } from './dashboard/feature.ts';
import { registerDebug } from './debug/feature.ts';
import { registerHelp } from './help/feature.ts';
import { Lending } from './models/lending.ts';
import { Sources } from './language/sources.ts';
import { registerRuns } from './runs/feature.ts';
import { registerScaffold } from './scaffold/feature.ts';
import type { Studio } from './studio.ts';
import { registerTesting } from './testing/feature.ts';
import { registerViews } from './views/feature.ts';
import { registerTraining } from './training/feature.ts';
import { gpuEnvironment } from './training/gpu-settings.ts';
import { registerViewer } from './viewer/feature.ts';

export function activate(context: vscode.ExtensionContext): Studio {
  const log = vscode.window.createOutputChannel('Tuning Fork', { log: true });
  const secrets = new Secrets(context);
  const lending = new Lending(context, log);
  const sources = new Sources(vscode.l10n.bundle);
  const discovery = new WorkspaceDiscovery(sources, log);
  const environment = async (): Promise<Record<string, string>> => ({ ...await lending.environment(), ...gpuEnvironment(), ...await secrets.environment() });
  const backbones = new Backbones(environment, (request) => givenFor(discovery.configs, request), log);
  context.subscriptions.push(log, lending, backbones, discovery, sources);
  const studio: Studio = { context, log, secrets, backbones, discovery, sources };
  registerHelp(studio);
  registerRuns(studio);
  registerDebug(studio);
  registerViews(studio);
  registerTesting(studio);
  registerViewer(studio);
  registerDashboard(studio, registerTraining(studio));
  registerEditor(studio);
  registerAuthoring(studio);
  registerScaffold(studio);
  return studio;
}
