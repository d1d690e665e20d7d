/** Completion and help texts in configurations, by the schema that reads them. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Suggestion } from '../language/config-completion.ts';
import { localize } from '../../runtime/protocol/localize.ts';
import { windowLanguage } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { kindOf } from './kind.ts';

const KINDS: Readonly<Record<Suggestion['kind'], vscode.CompletionItemKind>> = {
  key: vscode.CompletionItemKind.Property, mapping: vscode.CompletionItemKind.Module, word: vscode.CompletionItemKind.Value,
  class: vscode.CompletionItemKind.Class, file: vscode.CompletionItemKind.File, folder: vscode.CompletionItemKind.Folder, role: vscode.CompletionItemKind.Variable,
};

export class ConfigHelp implements vscode.CompletionItemProvider, vscode.HoverProvider {
  readonly #studio: Studio;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  async provideCompletionItems(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.CompletionItem[]> {
    if (kindOf(document) !== 'config') return [];
    const { suggestions } = await import('../language/config-completion.ts');
    const { workflows, judges } = this.#studio.discovery;
    const offers = { workflows: workflows.filter(({ exported }) => exported), judges };
    const found = await suggestions(document.getText(), document.offsetAt(position), document.uri.fsPath, offers, vscode.l10n);
    return found.filter(({ kind }) => !isServed(document) || !['key', 'mapping', 'word'].includes(kind)).map((one, i) => itemOf(document, position, one, i));
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    if (kindOf(document) !== 'config' || isServed(document)) return undefined;
    const { hoverAt } = await import('../language/config-completion.ts');
    const found = hoverAt(document.getText(), document.offsetAt(position), vscode.l10n);
    return found && new vscode.Hover(helpText(found.markdown), new vscode.Range(document.positionAt(found.span.start), document.positionAt(found.span.end)));
  }
}

function itemOf(document: vscode.TextDocument, position: vscode.Position, { label, kind, text, span, detail, documentation, goOn }: Suggestion, index: number): vscode.CompletionItem {
  const item = new vscode.CompletionItem(label, KINDS[kind]);
  const start = document.positionAt(span.start);
  item.range = { inserting: new vscode.Range(start, position), replacing: new vscode.Range(start, document.positionAt(span.end)) };
  item.insertText = text;
  // What it inserts is indented already.
  item.keepWhitespace = true;
  item.sortText = String(index).padStart(3, '0');
  if (detail !== undefined) item.detail = detail;
  if (documentation !== undefined) item.documentation = helpText(documentation);
  if (goOn) item.command = { command: 'editor.action.triggerSuggest', title: vscode.l10n.t('Choose the value') };
  return item;
}

function helpText(markdown: string): vscode.MarkdownString {
  return new vscode.MarkdownString(localize(markdown, windowLanguage()));
}

/** The YAML extension, where it is, serves those files by the schema that package.json, or their first line, names. */
function isServed(document: vscode.TextDocument): boolean {
  const named = /^tuning-fork\.ya?ml$/i.test(basename(document.uri.fsPath)) || document.getText().startsWith('# yaml-language-server: $schema=');
  return named && vscode.extensions.getExtension('redhat.vscode-yaml')?.isActive === true;
}
