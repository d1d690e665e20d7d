/** Whoever sets a breakpoint in a workflow will debug it soon: the backbone and js-debug start meanwhile. */
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { Studio } from '../studio.ts';

export function warmUp({ backbones }: Studio, file: string): void {
  if (!vscode.workspace.isTrusted) return;
  void vscode.extensions.getExtension('ms-vscode.js-debug')?.activate().then(undefined, () => {});
  void import('./adapter-in-window.ts').catch(() => {});
  void import('./start.ts').catch(() => {});
  // What is wrong with it is told when it is needed.
  backbones.client(projectFolder(dirname(file))).catch(() => {});
}
