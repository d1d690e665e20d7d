import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { until } from '../until.ts';

export async function run(): Promise<void> {
  const extension = vscode.extensions.getExtension('tuning-fork.tuning-fork');
  assert.ok(extension, 'The extension is not installed.');
  await until(() => extension.isActive, 'The extension was not activated.');
  // It is called active when it has failed, too.
  await extension.activate();
  const commands = await vscode.commands.getCommands(true);
  const { contributes } = extension.packageJSON as { contributes: { commands: { command: string }[] } };
  assert.deepEqual(contributes.commands.map(({ command }) => command).filter((command) => !commands.includes(command)), [], 'Commands that a person sees and that do nothing');
}
