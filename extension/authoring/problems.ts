/** Problems of the open files, looked for once the typing pauses, and what mends them. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { givenFor } from '../discovery/given.ts';
import { sentenceOf } from '../errors.ts';
import type { ConfigProblem } from '../language/config-problems.ts';
import { isYaml } from '../language/signs.ts';
import type { Exports } from '../language/exports.ts';
import type { Studio } from '../studio.ts';
import { kindOf, mayBeOurs } from './kind.ts';

const CALM_MS = 200;

interface Checked {
  version: number;
  problems: { problem: ConfigProblem; range: vscode.Range; diagnostic: vscode.Diagnostic }[];
}

export class Problems implements vscode.CodeActionProvider, vscode.Disposable {
  readonly #studio: Studio;
  readonly #shown = vscode.languages.createDiagnosticCollection('tuning-fork');
  readonly #checked = new Map<string, Checked>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #subscriptions: vscode.Disposable[];

  constructor(studio: Studio) {
    this.#studio = studio;
    const { workspace } = vscode;
    this.#subscriptions = [
      this.#shown,
      workspace.onDidOpenTextDocument((document) => this.#soon(document)),
      workspace.onDidChangeTextDocument(({ document }) => this.#soon(document)),
      workspace.onDidCloseTextDocument((document) => this.#forget(document)),
      // A class or a file that a configuration names came or went.
      studio.discovery.onDidChange(() => { for (const document of workspace.textDocuments) if (isYaml(document.uri.fsPath)) this.#soon(document); }),
    ];
    for (const document of workspace.textDocuments) this.#soon(document);
  }

  async provideCodeActions(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.CodeAction[]> {
    if (this.#kindOf(document) === undefined) return [];
    // The edits count from the text that was checked.
    const checked = this.#checked.get(document.uri.toString());
    const { problems } = checked?.version === document.version ? checked : await this.#check(document);
    return problems.filter((one) => one.range.intersection(range) !== undefined).flatMap(({ problem, diagnostic }) => problem.fixes.map((fix) => {
      const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = [diagnostic];
      action.isPreferred = fix.preferred === true;
      action.edit = new vscode.WorkspaceEdit();
      for (const { start, end, text } of fix.edits) action.edit.replace(document.uri, rangeOf(document, { start, end }), text);
      return action;
    }));
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const one of this.#subscriptions) one.dispose();
  }

  #soon(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    if (!mayBeOurs(document)) return;
    this.#timers.set(key, setTimeout(() => {
      this.#timers.delete(key);
      if (this.#kindOf(document) === undefined) this.#forget(document);
      else this.#check(document).catch((error: unknown) => this.#studio.log.error(error as Error));
    }, CALM_MS));
  }

  #forget({ uri }: vscode.TextDocument): void {
    clearTimeout(this.#timers.get(uri.toString()));
    this.#timers.delete(uri.toString());
    if (this.#checked.delete(uri.toString())) this.#shown.delete(uri);
  }

  /** A configuration of Trinity-RFT is ours where `tune` is given it. */
  #kindOf(document: vscode.TextDocument): ReturnType<typeof kindOf> {
    return kindOf(document) ?? (this.#studio.discovery.configs.some(({ file, given }) => given !== undefined && file === document.uri.fsPath) ? 'config' : undefined);
  }

  async #check(document: vscode.TextDocument): Promise<Checked> {
    const { version } = document;
    const found = this.#kindOf(document) === 'program' ? await this.#studio.sources.ask('contracts', document.getText(), document.uri.fsPath) ?? [] : await this.#ofConfig(document);
    const problems = found.map((problem) => {
      const range = rangeOf(document, problem.span);
      return { problem, range, diagnostic: diagnosticOf(problem, range) };
    });
    const checked = { version, problems };
    // While it was looked at, the text went on, or the file was closed.
    if (document.isClosed || document.version !== version) return { version, problems: [] };
    this.#checked.set(document.uri.toString(), checked);
    this.#shown.set(document.uri, problems.map(({ diagnostic }) => diagnostic));
    return checked;
  }

  async #ofConfig(document: vscode.TextDocument): Promise<ConfigProblem[]> {
    const { configProblems } = await import('../language/config-problems.ts');
    const { secrets, discovery } = this.#studio;
    const { fsPath } = document.uri;
    const around = {
      env: await secrets.environment(), cwd: projectFolder(dirname(fsPath)),
      exportsOf: (source: string) => this.#exportsOf(source), workflows: discovery.workflows.filter(({ exported }) => exported), sentenceOf,
      given: givenFor(discovery.configs, { conf: fsPath }),
    };
    return configProblems(document.getText(), fsPath, around, vscode.l10n);
  }

  async #exportsOf(file: string): Promise<Exports | undefined> {
    const text = await textOf(file);
    return text === undefined ? undefined : this.#studio.sources.ask('exports', text, file);
  }
}

function diagnosticOf({ severity, message, code, idle }: ConfigProblem, range: vscode.Range): vscode.Diagnostic {
  const { Error, Warning, Information } = vscode.DiagnosticSeverity;
  const diagnostic = new vscode.Diagnostic(range, message, idle ? Information : severity === 'error' ? Error : Warning);
  diagnostic.source = 'Tuning Fork';
  diagnostic.code = code;
  if (idle) diagnostic.tags = [vscode.DiagnosticTag.Unnecessary];
  return diagnostic;
}

function rangeOf(document: vscode.TextDocument, { start, end }: { start: number; end: number }): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

async function textOf(file: string): Promise<string | undefined> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && uri.fsPath === file);
  return open?.getText() ?? await readFile(file, 'utf8').catch(() => undefined);
}
