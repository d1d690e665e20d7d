/** In a workspace that has nothing of ours: we sleep; woken by hand, it takes so long. js-debug, woken the same way, is the peer. */
import * as vscode from 'vscode';
import { pause, tell } from './tell.ts';

export async function run(): Promise<void> {
  // What wakes at start has done so by then, and leaves the processor to us.
  await pause(4_000);
  const ours = vscode.extensions.getExtension('tuning-fork.tuning-fork')!;
  const asleep = !ours.isActive;
  tell({ asleep, ours: await activationOf(ours), peer: await activationOf(vscode.extensions.getExtension('ms-vscode.js-debug')!) });
}

async function activationOf(extension: vscode.Extension<unknown>): Promise<number> {
  const started = performance.now();
  await extension.activate();
  return performance.now() - started;
}
