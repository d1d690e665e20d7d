/** The training dashboard: one panel a project, back after a reload. What it shows is loaded when it is first opened. */
import * as vscode from 'vscode';
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import type { Trainings } from '../training/trainings.ts';

const VIEW_TYPE = 'tuningFork.dashboard';

export function registerDashboard(studio: Studio, trainings: Trainings): void {
  const panels = () => import('./panel.ts');
  command(studio, 'tuningFork.openDashboard', async (run, quietly) => (await panels()).openDashboard(studio, trainings, VIEW_TYPE, run, quietly === true));
  studio.context.subscriptions.push(vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
    deserializeWebviewPanel: async (panel, state) => (await panels()).restoreDashboard(studio, trainings, panel, state),
  }));
}
