/** What user code prints, and what a run has to say, in one channel. */
import * as vscode from 'vscode';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { formatError } from '../../runtime/protocol/errors.ts';
import { inOurWords } from '../errors.ts';

let channel: vscode.OutputChannel | undefined;

/** Made when there is something to read: an empty channel would only be one more. */
export function outputChannel(): vscode.OutputChannel {
  return (channel ??= vscode.window.createOutputChannel('Tuning Fork: Rollouts'));
}

export function disposeOutput(): void {
  channel?.dispose();
  channel = undefined;
}

export function showOutput(event: RunEvent): void {
  switch (event.type) {
    case 'started':
      return channel?.appendLine(`── ${event.run} · ${event.info.workflow}`);
    case 'log':
      for (const line of event.text.replace(/\n$/, '').split('\n')) outputChannel().appendLine(`${event.rollout ?? event.run} │ ${line}`);
      return;
    case 'notice':
      return outputChannel().appendLine(`${event.level}: ${formatError(inOurWords(event.notice))}`);
    case 'rollout-finished':
      if (event.error !== undefined && event.entry.status === 'failed') outputChannel().appendLine(`${event.entry.id} ✗ ${formatError(inOurWords(event.error))}`);
      return;
  }
}
