/** First steps, keys, and what helps when something does not work. Each is loaded when it is first asked for. */
import * as vscode from 'vscode';
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';

const WALKTHROUGH = 'tuning-fork.tuning-fork#tuningFork.firstMinutes';

export function registerHelp(studio: Studio): void {
  command(studio, 'tuningFork.showLog', () => studio.log.show());
  command(studio, 'tuningFork.doctor', async () => (await import('./doctor.ts')).doctor(studio));
  command(studio, 'tuningFork.copyDoctorReport', async () => (await import('./doctor.ts')).copyReport(studio));
  command(studio, 'tuningFork.setApiKey', async (name) => (await import('./keys.ts')).setApiKey(studio, name));
  command(studio, 'tuningFork.removeApiKey', async (name) => (await import('./keys.ts')).removeApiKey(studio, name));
  command(studio, 'tuningFork.openWalkthrough', () => vscode.commands.executeCommand('workbench.action.openWalkthrough', WALKTHROUGH, false));
}
