/** In the language status of an editor: which run the values beside its code are of. */
import * as vscode from 'vscode';
import { commandOf } from '../commands/table.ts';
import type { InlineValues } from './inline-values.ts';

export class ValuesStatus implements vscode.Disposable {
  readonly #inline: InlineValues;
  readonly #subscriptions: vscode.Disposable[];
  #item: vscode.LanguageStatusItem | undefined;

  constructor(inline: InlineValues) {
    this.#inline = inline;
    this.#subscriptions = [inline.onDidChange(() => this.#show()), vscode.window.onDidChangeActiveTextEditor(() => this.#show())];
  }

  dispose(): void {
    this.#item?.dispose();
    for (const one of this.#subscriptions) one.dispose();
  }

  #show(): void {
    const document = vscode.window.activeTextEditor?.document;
    const run = document && this.#inline.valuesOf(document)[0]?.run;
    if (document === undefined || run === undefined) {
      this.#item?.dispose();
      this.#item = undefined;
      return;
    }
    const selector: vscode.DocumentFilter = { scheme: 'file', pattern: document.uri.fsPath };
    this.#item ??= vscode.languages.createLanguageStatusItem('tuningFork.values', selector);
    this.#item.selector = selector;
    this.#item.name = vscode.l10n.t('Tuning Fork values');
    this.#item.text = `$(graph) ${vscode.l10n.t('Values of {0}', new Date(run.info.created).toLocaleString(vscode.env.language, { dateStyle: 'short', timeStyle: 'short' }))}`;
    this.#item.detail = this.#inline.editedSince(document, run).length > 0 ? vscode.l10n.t('The code was edited since.') : vscode.l10n.t('model {0}', run.info.policy);
    this.#item.command = commandOf('tuningFork.chooseInlineRun', vscode.l10n.t('Choose Run'));
  }
}
