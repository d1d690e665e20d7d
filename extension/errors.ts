/** Errors as a person sees them: a sentence, the next step, and what can be done about it one click away. */
import * as vscode from 'vscode';
import { errorInfo, TuningForkError, type ErrorInfo, type Place } from '../runtime/protocol/errors.ts';
import { languageOfTag, localizeError, type Language } from '../runtime/protocol/localize.ts';
import { missingKey } from '../runtime/protocol/providers.ts';
import { NoNodeError } from './backbone/node.ts';
import { execute } from './commands/table.ts';
import type { Studio } from './studio.ts';
import { withoutLinks } from './without-links.ts';

/** There is none of its kind yet; a click makes the first. */
export class NothingYetError extends TuningForkError {
  readonly lacking: 'workflow' | 'rollout' | 'training';

  constructor(lacking: NothingYetError['lacking'], sentence: string, next: string) {
    super('usage', sentence, { next });
    this.lacking = lacking;
  }
}

/** A button under an error. What it gives is what `showError` gives. */
export interface Fix<T = unknown> {
  title: string;
  run(): T | PromiseLike<T>;
}

/** `more` stand before what is offered for any error of its kind. Undefined: nobody chose one of these. */
export async function showError<T>(studio: Studio, error: unknown, more: Fix<T>[] = []): Promise<T | undefined> {
  if (error instanceof vscode.CancellationError) return undefined;
  const info = isErrorInfo(error) ? error : errorInfo(error);
  studio.log.error(info.message, info.stack ?? '', info.next ?? '');
  const usual = usualFixes(studio, error, info).filter(({ title }) => !more.some((fix) => fix.title === title));
  const chosen = await vscode.window.showErrorMessage(withoutLinks(sentenceOf(info)), ...[...more, ...usual].map(({ title }) => title));
  await usual.find(({ title }) => title === chosen)?.run();
  return more.find(({ title }) => title === chosen)?.run();
}

/** In the language of the window; what others say, and what is stored, stays as it is. */
export function inOurWords<T extends ErrorInfo>(info: T): T {
  return localizeError(info, windowLanguage());
}

export function windowLanguage(): Language {
  return languageOfTag(vscode.env.language);
}

/** The sentence and the next step. */
export function sentenceOf(info: ErrorInfo): string {
  const { message, next } = inOurWords(info);
  if (!next) return message;
  const chinese = windowLanguage() === 'zh-cn';
  // What others say may end anyhow.
  const end = /[\p{P}\p{S}]$/u.test(message) ? '' : chinese ? '。' : '.';
  return `${message}${end}${chinese ? '' : ' '}${next}`;
}

function usualFixes(studio: Studio, error: unknown, info: ErrorInfo): Fix[] {
  const { where } = info;
  const key = missingKey(info);
  return [
    ...(where === undefined ? [] : [{ title: vscode.l10n.t('Show the Place'), run: () => showPlace(where) }]),
    ...(key === undefined ? [] : [{ title: vscode.l10n.t('Set API Key'), run: () => execute('tuningFork.setApiKey', key) }]),
    ...(error instanceof NoNodeError ? nodeFixes() : []),
    ...(error instanceof NothingYetError ? firstOf(error.lacking) : []),
    ...(info.code === 'internal' || info.code === 'backbone' ? [{ title: vscode.l10n.t('Show the Log'), run: () => studio.log.show() }] : []),
  ];
}

function nodeFixes(): Fix[] {
  return [
    { title: vscode.l10n.t('Install Node.js'), run: () => vscode.env.openExternal(vscode.Uri.parse('https://nodejs.org/en/download')) },
    { title: vscode.l10n.t('Choose Node.js'), run: () => vscode.commands.executeCommand('workbench.action.openSettings', 'tuningFork.node.path') },
    { title: vscode.l10n.t('Doctor'), run: () => execute('tuningFork.doctor') },
  ];
}

function firstOf(lacking: NothingYetError['lacking']): Fix[] {
  switch (lacking) {
    case 'workflow': return [
      { title: vscode.l10n.t('New Workflow…'), run: () => execute('tuningFork.newWorkflow') },
      { title: vscode.l10n.t('Open Example…'), run: () => execute('tuningFork.openExample') },
    ];
    case 'rollout': return [{ title: vscode.l10n.t('Run Rollouts'), run: () => execute('tuningFork.runRollouts') }];
    case 'training': return [{ title: vscode.l10n.t('Start Training'), run: () => execute('tuningFork.startTraining') }];
  }
}

export async function showPlace({ file, line = 1, column = 1 }: Place, options: vscode.TextDocumentShowOptions = {}): Promise<void> {
  const at = new vscode.Position(line - 1, column - 1);
  await vscode.window.showTextDocument(vscode.Uri.file(file), { selection: new vscode.Range(at, at), ...options });
}

function isErrorInfo(error: unknown): error is ErrorInfo {
  return !(error instanceof Error) && typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}
