/** What the Testing view says of a test that failed: the reason, at its line, with the rollouts one click away. */
import * as vscode from 'vscode';
import type { ErrorInfo, Place } from '../../runtime/protocol/errors.ts';
import type { RolloutPlace } from '../commands/table.ts';
import { inOurWords } from '../errors.ts';
import { decimal } from '../runs/progress-text.ts';
import { asMarkdown, commandUri } from '../runs/markdown.ts';
import { readerOf } from '../runs/readers.ts';
import type { Ended } from './outcome.ts';

export function messageOf(error: ErrorInfo, rollout?: RolloutPlace): vscode.TestMessage {
  const { message, next } = inOurWords(error);
  // What was recorded and what it is now, one below the other.
  const lines = message.replace(/[.;] (?=(?:Recorded|now): ")|[。；](?=(?:记录|现在)：")/g, (end) => `${end}\n`);
  const markdown = withLinks().appendMarkdown(asMarkdown([lines, next].filter(Boolean).join('\n')));
  if (rollout !== undefined) link(markdown.appendMarkdown('\n\n'), rollout);
  return new vscode.TestMessage(markdown);
}

export async function messageOfTask(dir: string, text: string, ended: readonly Ended[]): Promise<vscode.TestMessage> {
  const markdown = withLinks().appendMarkdown(`${asMarkdown(text)}\n\n`);
  const reader = await readerOf(dir);
  for (const { entry: { id, reward, status }, error } of [...ended].sort((a, b) => a.entry.sample - b.entry.sample)) {
    const reason = (error && inOurWords(error).message) ?? (await reader.read(id)).judge?.reason ?? '';
    link(markdown.appendMarkdown('- '), { dir, rollout: id }).appendMarkdown(` ${reward === null ? status : decimal(reward)} ${asMarkdown(reason.replace(/\s+/g, ' '))}\n`);
  }
  return new vscode.TestMessage(markdown);
}

export function located(message: vscode.TestMessage, place: Place | undefined): vscode.TestMessage {
  if (place === undefined) return message;
  const { file, line = 1, column = 1 } = place;
  message.location = new vscode.Location(vscode.Uri.file(file), new vscode.Position(line - 1, column - 1));
  return message;
}

/** Text of models and judges goes in as text; of commands only this one can be called from it. */
function withLinks(): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  markdown.isTrusted = { enabledCommands: ['tuningFork.openRollout'] };
  return markdown;
}

function link(markdown: vscode.MarkdownString, { dir, rollout }: RolloutPlace): vscode.MarkdownString {
  return markdown.appendMarkdown(`[${asMarkdown(rollout)}](${commandUri('tuningFork.openRollout', { dir, rollout })})`);
}
