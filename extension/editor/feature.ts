/** What runs said, beside the code that said it. */
import * as vscode from 'vscode';
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import type { ResultsInEditor } from './results-in-editor.ts';

const CODE: vscode.DocumentSelector = ['typescript', 'typescriptreact', 'javascript', 'javascriptreact'].map((language) => ({ language, scheme: 'file' }));

export function registerEditor(studio: Studio): void {
  const { subscriptions } = studio.context;
  let loaded: Promise<ResultsInEditor> | undefined;
  let disposed = false;
  const load = (): Promise<ResultsInEditor> => loaded ??= import('./results-in-editor.ts').then(({ ResultsInEditor }) => {
    const made = new ResultsInEditor(studio);
    if (disposed) made.dispose();
    else subscriptions.push(made, vscode.languages.registerCodeLensProvider(CODE, made.lenses), vscode.languages.registerHoverProvider(CODE, made.inline));
    return made;
  });
  subscriptions.push({ dispose: () => void (disposed = true) });

  command(studio, 'tuningFork.rejudgeRun', async (run) => (await load()).rejudge(run));
  command(studio, 'tuningFork.chooseInlineRun', async (file) => (await load()).choose(file));
  command(studio, 'tuningFork.clearInlineValues', async (file) => (await load()).clear(file));

  // Nothing of it is needed before there is code to stand beside.
  const isCode = (): boolean => vscode.window.visibleTextEditors.some(({ document }) => vscode.languages.match(CODE, document) > 0);
  if (isCode()) setTimeout(load, 0);
  else {
    const opened = vscode.window.onDidChangeVisibleTextEditors(() => {
      if (!isCode()) return;
      opened.dispose();
      void load();
    });
    subscriptions.push(opened);
  }
}
