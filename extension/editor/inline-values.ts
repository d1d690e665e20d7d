/** Rewards and calls beside the code of every visible editor, and what their hovers tell. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { localize } from '../../runtime/protocol/localize.ts';
import { windowLanguage } from '../errors.ts';
import { Code } from '../results/code.ts';
import type { RunFigures } from '../results/figures.ts';
import { realPath } from '../real-path.ts';
import { targetOf, type Target } from '../results/results.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import { keyOf, type Board } from './board.ts';
import { HOVER_COMMANDS, hoverText } from './hover-text.ts';
import { MovedLines } from './lines.ts';
import { Painter } from './painter.ts';
import { inlineValues, type InlineValue } from './values.ts';
import { verdictLine } from './verdicts.ts';

const AFTER_TYPING_MS = 300;

/** What was last put into editors, and the edits since. */
interface Painted {
  texts: string;
  lines: readonly number[];
  since: MovedLines;
  editors: ReadonlySet<vscode.TextEditor>;
}

/** What one document shows. */
interface Sheet {
  readonly moved: MovedLines;
  /** What its values are of, newest first. */
  runs: readonly RunFigures[];
  befores: ReadonlyMap<RunFigures, RunFigures | undefined>;
  values: readonly InlineValue[];
  painted: Painted;
  /** Files edited since, by run folder. */
  edited: Map<string, readonly string[]>;
  /** Runs while somebody types. */
  timer: NodeJS.Timeout | undefined;
  /** There was news meanwhile. */
  outdated: boolean;
  /** What listeners know. */
  told: string;
}

export class InlineValues implements vscode.Disposable, vscode.HoverProvider {
  readonly #studio: Studio;
  readonly #board: Board;
  readonly #painter = new Painter();
  readonly #code = new Code();
  readonly #sheets = new Map<vscode.TextDocument, Sheet>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  /** Other values are shown, or other ones are of code that was edited. */
  readonly onDidChange = this.#changed.event;

  constructor(studio: Studio, board: Board) {
    this.#studio = studio;
    this.#board = board;
    this.#subscriptions = [
      this.#painter, this.#changed,
      vscode.window.onDidChangeVisibleTextEditors(() => this.refresh()),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => this.#typed(document, contentChanges)),
      vscode.workspace.onDidCloseTextDocument((document) => this.#forget(document)),
    ];
  }

  refresh(): void {
    for (const document of new Set(vscode.window.visibleTextEditors.map(({ document }) => document))) void this.#show(document);
  }

  valuesOf(document: vscode.TextDocument): readonly InlineValue[] {
    return this.#sheets.get(document)?.values ?? [];
  }

  editedSince(document: vscode.TextDocument, { dir }: RunFigures): readonly string[] {
    return this.#sheets.get(document)?.edited.get(dir) ?? [];
  }

  /** Workflows that this file is code of. */
  targetsOf(file: string): Target[] {
    const path = realPath(file);
    const own = this.#studio.discovery.workflowsIn(file).map(({ className }) => ({ file: path, className }));
    return [...new Map([...own, ...this.#board.targetsAt(path)].map((target) => [keyOf(target), target])).values()];
  }

  /** Only behind the code: over the code itself its own hovers are what one wants. */
  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const value = this.valuesOf(document).find(({ line }) => line === position.line);
    if (value === undefined || position.character < document.lineAt(position.line).text.length || !setting('editor.inlineValues', document)) return undefined;
    const before = await this.#board.before(value.run);
    const text = hoverText({
      value, before, path: realPath(document.uri.fsPath), edited: this.editedSince(document, value.run).map((file) => basename(file)),
      time: (iso) => new Date(iso).toLocaleString(vscode.env.language, { dateStyle: 'medium', timeStyle: 'short' }),
      said: (message) => localize(message, windowLanguage()),
    }, vscode.l10n);
    const markdown = new vscode.MarkdownString(text, true);
    markdown.isTrusted = { enabledCommands: [...HOVER_COMMANDS] };
    return new vscode.Hover(markdown, new vscode.Range(position, position));
  }

  dispose(): void {
    for (const { timer } of this.#sheets.values()) clearTimeout(timer);
    for (const one of this.#subscriptions) one.dispose();
  }

  /** VS Code moves what is painted; all else waits until nobody types. */
  #typed(document: vscode.TextDocument, changes: readonly vscode.TextDocumentContentChangeEvent[]): void {
    const sheet = this.#sheets.get(document);
    if (sheet === undefined || changes.length === 0) return;
    for (const moved of [sheet.moved, sheet.painted.since]) moved.note(changes, (line) => line < document.lineCount && document.lineAt(line).isEmptyOrWhitespace);
    clearTimeout(sheet.timer);
    sheet.timer = setTimeout(() => {
      sheet.timer = undefined;
      if (sheet.outdated) void this.#show(document);
      else this.#rested(document, sheet);
    }, AFTER_TYPING_MS);
  }

  /** Typing changes no figures: only whether they are still of this code, and where they belong. */
  #rested(document: vscode.TextDocument, sheet: Sheet): void {
    const path = realPath(document.uri.fsPath);
    for (const { dir, info } of sheet.runs) {
      const others = sheet.edited.get(dir)!.filter((file) => file !== path);
      const hash = info.files?.[path];
      sheet.edited.set(dir, hash === undefined || this.#code.holds(hash, document) ? others : [...others, path]);
    }
    this.#layOut(document, sheet);
    for (const editor of vscode.window.visibleTextEditors) if (editor.document !== document) void this.#show(editor.document);
  }

  async #show(document: vscode.TextDocument): Promise<void> {
    if (document.uri.scheme !== 'file' || !vscode.window.visibleTextEditors.some((editor) => editor.document === document)) return;
    const targets = setting('editor.inlineValues', document) ? this.targetsOf(document.uri.fsPath) : [];
    if (targets.length === 0 && !this.#sheets.has(document)) return;
    const sheet = this.#sheetOf(document);
    // Somebody types: it is done once they rest.
    sheet.outdated = sheet.timer !== undefined;
    if (sheet.outdated) return;
    const found = (await Promise.all(targets.map((target) => this.#board.look(target)))).filter((run) => run !== undefined);
    // Where two runs tell something of one line, the newer one does.
    const runs = found.sort((a, b) => (a.info.created < b.info.created ? 1 : -1));
    const befores = new Map(await Promise.all(runs.filter(({ info }) => info.source !== undefined).map(async (run) => [run, await this.#board.before(run)] as const)));
    const edited = new Map(await Promise.all(runs.map(async ({ dir, info }) => [dir, await this.#code.changed(info.files ?? {}, openText)] as const)));
    if (!this.#sheets.has(document)) return;
    Object.assign(sheet, { runs, befores, edited });
    if (sheet.timer === undefined) this.#layOut(document, sheet);
  }

  #layOut(document: vscode.TextDocument, sheet: Sheet): void {
    const path = realPath(document.uri.fsPath);
    const { runs, befores, edited, moved } = sheet;
    if (runs.some(({ dir, info }) => info.files?.[path] !== undefined && !edited.get(dir)!.includes(path))) moved.forget();
    const values = new Map<number, InlineValue>();
    for (const run of runs) {
      const rewardLines = this.#rewardLines(document, path, run);
      for (const value of inlineValues({ run, before: befores.get(run), path, rewardLines, find: (line) => moved.find(line) }, vscode.l10n)) {
        if (!values.has(value.line)) values.set(value.line, value);
      }
    }
    sheet.values = [...values.values()];
    this.#paint(document, sheet);
    const told = JSON.stringify(runs.map(({ dir, rollouts }) => [dir, rollouts, edited.get(dir)]));
    if (told === sheet.told) return;
    sheet.told = told;
    this.#changed.fire();
  }

  #paint(document: vscode.TextDocument, sheet: Sheet): void {
    const { values, edited } = sheet;
    const painted = values.map(({ line, text, reward, run }) => {
      const stale = edited.get(run.dir)!.length > 0;
      return { line, stale, text: stale && reward ? `${text} · ${vscode.l10n.t('before the edit')}` : text };
    });
    const before = sheet.painted;
    const texts = painted.map(({ text, stale }) => `${stale ? '~' : ''}${text}`).join('\n');
    const lines = painted.map(({ line }) => line);
    // To paint a thousand takes longer than a key may; what VS Code has moved to where it belongs stays.
    const same = texts === before.texts && lines.every((line, at) => before.since.find(before.lines[at]!) === line);
    const editors = vscode.window.visibleTextEditors.filter((editor) => editor.document === document);
    for (const editor of editors) if (!same || !before.editors.has(editor)) this.#painter.paint(editor, painted);
    sheet.painted = same ? { ...before, editors: new Set(editors) } : { texts, lines, since: new MovedLines(), editors: new Set(editors) };
  }

  #rewardLines(document: vscode.TextDocument, path: string, { info }: RunFigures): readonly number[] {
    const workflow = this.#board.targetOf(info);
    const lines: number[] = [];
    if (workflow?.file === path) {
      const found = this.#studio.discovery.workflowsIn(document.uri.fsPath).find(({ className }) => className === workflow.className);
      // Of several outputs nobody knows which one a reward is of.
      if (found !== undefined) lines.push(found.outputs.length === 1 ? nearest(document, found.outputs[0]!, 'WorkflowOutput') : found.executeLine ?? found.line);
    }
    const judge = targetOf(info, 'judge');
    const verdict = judge?.file === path ? verdictLine(document.getText(), judge.className) : undefined;
    return verdict === undefined ? lines : [...lines, verdict];
  }

  #sheetOf(document: vscode.TextDocument): Sheet {
    const sheet = this.#sheets.get(document) ?? {
      moved: new MovedLines(), painted: { texts: '', lines: [], since: new MovedLines(), editors: new Set() }, runs: [], befores: new Map(), values: [], edited: new Map(), timer: undefined, outdated: false, told: '',
    };
    this.#sheets.set(document, sheet);
    return sheet;
  }

  #forget(document: vscode.TextDocument): void {
    clearTimeout(this.#sheets.get(document)?.timer);
    this.#sheets.delete(document);
  }
}

/** The index of the workspace stands still while the text is too broken to be read. */
function nearest(document: vscode.TextDocument, line: number, word: string): number {
  for (let away = 0; away < document.lineCount; away++) {
    for (const at of [line - away, line + away]) if (at >= 0 && at < document.lineCount && document.lineAt(at).text.includes(`new ${word}`)) return at;
  }
  return line;
}

function openText(path: string): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find(({ uri, isClosed }) => uri.scheme === 'file' && !isClosed && realPath(uri.fsPath) === path);
}
