/** The GPU runtime as this window knows it: where it is, and how it gets onto this machine. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { requireTrust } from '../backbone/backbones.ts';
import { nodeForRuns } from '../backbone/node.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { gpuEnvironment } from './gpu-settings.ts';
import { SetupSteps } from './gpu-steps.ts';

/** Set up here, or named in the settings. */
export function isGpuAtHand(): boolean {
  return Object.keys(gpuEnvironment()).length > 0 || existsSync(join(process.env['TUNING_FORK_HOME'] ?? join(homedir(), '.tuning-fork'), 'gpu', 'tuning-fork.json'));
}

/** True: it is set up now. Cancelled, the next time goes on where it was. */
export async function setUpGpu(studio: Studio): Promise<boolean> {
  requireTrust();
  const title = vscode.l10n.t('Set Up GPU Runtime');
  const made = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, (progress, token) => run(studio, progress, token));
  if (made) vscode.window.setStatusBarMessage(`$(check) ${vscode.l10n.t('The GPU runtime is set up; trainings with backbone gpu use it.')}`, 10_000);
  return made;
}

function run({ context, log }: Studio, progress: vscode.Progress<{ message?: string; increment?: number }>, token: vscode.CancellationToken): Promise<boolean> {
  const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, ...env } = process.env;
  const python = setting('gpu.python');
  const words = ['gpu', 'setup', '--json', ...(python === '' ? [] : ['--python', python])];
  const child = spawn(nodeForRuns(), ['--disable-warning=ExperimentalWarning', join(context.extensionPath, 'runtime/cli/bin.mjs'), ...words], {
    env: { ...env, ELECTRON_RUN_AS_NODE: '1', TUNING_FORK_LANG: vscode.env.language }, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true,
  });
  const steps = new SetupSteps(({ message, increment }) => progress.report({ message: withoutLinks(message), increment }));
  let last = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.info(line);
    steps.take(line);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.info(line);
    last = line;
  });
  token.onCancellationRequested(() => child.kill('SIGINT'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (steps.done || token.isCancellationRequested) return resolve(steps.done);
      const { message, next } = steps.failure ?? { message: last || `exit code ${code}` };
      reject(new TuningForkError('usage', message, { next }));
    });
  });
}
