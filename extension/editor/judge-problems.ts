/** What a judge threw while it scored stored rollouts, at its lines. */
import * as vscode from 'vscode';
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import { inOurWords } from '../errors.ts';
import type { Target } from '../results/results.ts';
import { classLine } from './verdicts.ts';

/** Of a file; a judge has few ways to fail, but its messages may differ with each rollout. */
const MOST_TOLD = 20;

interface Counted {
  error: ErrorInfo;
  count: number;
}

/** Equal errors once, with how often. */
export class JudgeErrors {
  readonly #found = new Map<string, Counted>();

  get none(): boolean {
    return this.#found.size === 0;
  }

  add(error: ErrorInfo): void {
    const key = `${error.where?.file}:${error.where?.line}:${error.message}`;
    const known = this.#found.get(key);
    if (known === undefined) this.#found.set(key, { error, count: 1 });
    else known.count++;
  }

  byFile(judge: string): Map<string, Counted[]> {
    const files = new Map<string, Counted[]>();
    for (const one of this.#found.values()) {
      const file = one.error.where?.file ?? judge;
      files.set(file, [...files.get(file) ?? [], one].slice(0, MOST_TOLD));
    }
    return files;
  }
}

export class JudgeProblems implements vscode.Disposable {
  readonly #told = vscode.languages.createDiagnosticCollection('tuning-fork-judge');

  /** In place of those told before. */
  async show(errors: JudgeErrors, judge: Target): Promise<void> {
    this.#told.clear();
    for (const [file, found] of errors.byFile(judge.file)) {
      const uri = vscode.Uri.file(file);
      const document = await vscode.workspace.openTextDocument(uri).then((opened) => opened, () => undefined);
      this.#told.set(uri, found.map((one) => diagnosticOf(one, document, judge.className)));
    }
  }

  dispose(): void {
    this.#told.dispose();
  }
}

function diagnosticOf({ error, count }: Counted, document: vscode.TextDocument | undefined, className: string): vscode.Diagnostic {
  const { where, message, next, stack } = inOurWords(error);
  const line = where?.line === undefined ? (document && classLine(document.getText(), className)) ?? 0 : where.line - 1;
  const often = count > 1 ? ` ${vscode.l10n.t('({0} rollouts)', count)}` : '';
  // The next step of an error with a stack is to look at the stack, and this is its place.
  const diagnostic = new vscode.Diagnostic(rangeOf(line, document), `${message}${often}${next === undefined || stack !== undefined ? '' : `\n${next}`}`, vscode.DiagnosticSeverity.Error);
  diagnostic.source = 'Tuning Fork';
  return diagnostic;
}

function rangeOf(line: number, document: vscode.TextDocument | undefined): vscode.Range {
  if (document === undefined || line >= document.lineCount) return new vscode.Range(line, 0, line, 0);
  const { text, firstNonWhitespaceCharacterIndex: first } = document.lineAt(line);
  return new vscode.Range(line, first, line, text.trimEnd().length);
}
