/** A stored rollout as a read-only text document, with links to the code. Runs nothing, so it works in untrusted workspaces. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { RolloutPlace } from '../commands/table.ts';
import { inOurWords } from '../errors.ts';
import { readerOf } from './readers.ts';
import { MESSAGE, placesIn, rolloutText, SECTION, type RolloutText } from './rollout-text.ts';

const SCHEME = 'tuning-fork-rollout';

export class RolloutDocuments implements vscode.TextDocumentContentProvider, vscode.DocumentLinkProvider, vscode.FoldingRangeProvider, vscode.DocumentSymbolProvider, vscode.Disposable {
  readonly #registered: vscode.Disposable[];

  constructor() {
    const selector = { scheme: SCHEME };
    this.#registered = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.languages.registerDocumentLinkProvider(selector, this),
      vscode.languages.registerFoldingRangeProvider(selector, this),
      vscode.languages.registerDocumentSymbolProvider(selector, this),
    ];
  }

  async show(place: RolloutPlace): Promise<void> {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${place.rollout}`, query: JSON.stringify({ dir: place.dir, rollout: place.rollout }) });
    const { callLines } = await readText(place);
    const line = place.call === undefined ? 0 : callLines[place.call] ?? 0;
    const document = await vscode.languages.setTextDocumentLanguage(await vscode.workspace.openTextDocument(uri), SCHEME);
    await vscode.window.showTextDocument(document, { preview: true, selection: new vscode.Range(line, 0, line, 0) });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    return (await readText(JSON.parse(uri.query) as RolloutPlace)).text;
  }

  provideDocumentLinks(document: vscode.TextDocument): vscode.DocumentLink[] {
    return linesOf(document).flatMap((text, line) => placesIn(text).map(({ from, to, place }) => (
      new vscode.DocumentLink(new vscode.Range(line, from, line, to), vscode.Uri.file(place.file).with({ fragment: `L${place.line},${place.column}` }))
    )));
  }

  provideFoldingRanges(document: vscode.TextDocument): vscode.FoldingRange[] {
    return headingsOf(document).map(({ line, end }) => new vscode.FoldingRange(line, end));
  }

  provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
    return headingsOf(document).filter(({ section }) => section).map(({ text, line, end }) => {
      const [range, selection] = [new vscode.Range(line, 0, end, 0), new vscode.Range(line, 0, line, text.length)];
      return new vscode.DocumentSymbol(text, '', vscode.SymbolKind.Namespace, range, selection);
    });
  }

  dispose(): void {
    for (const one of this.#registered) one.dispose();
  }
}

async function readText({ dir, rollout }: RolloutPlace): Promise<RolloutText> {
  const reader = await readerOf(dir);
  if (reader.find(rollout) >= 0) {
    const record = await reader.read(rollout);
    return rolloutText({ ...record, ...(record.error !== undefined && { error: inOurWords(record.error) }) }, vscode.l10n);
  }
  const running = (await reader.inFlight()).find(({ place }) => place.rollout === rollout);
  if (running === undefined) throw new TuningForkError('usage', vscode.l10n.t('There is no rollout {0} in run {1}.', rollout, reader.info.run));
  return rolloutText({ ...running.place, calls: running.calls, tools: running.tools }, vscode.l10n);
}

function linesOf(document: vscode.TextDocument): string[] {
  return document.getText().split('\n');
}

function headingsOf(document: vscode.TextDocument): { text: string; line: number; end: number; section: boolean }[] {
  const lines = linesOf(document);
  const headings = lines.flatMap((text, line) => {
    const section = text.startsWith(SECTION);
    return section || text.startsWith(MESSAGE) ? [{ text: text.slice(SECTION.length), line, section }] : [];
  });
  return headings.map((heading, i) => {
    const next = headings.slice(i + 1).find(({ section }) => section || !heading.section);
    let end = (next?.line ?? lines.length) - 1;
    while (end > heading.line && lines[end] === '') end--;
    return { ...heading, end };
  });
}
