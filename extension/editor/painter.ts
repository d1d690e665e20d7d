/** Puts values behind lines of code. VS Code itself moves them while somebody types. */
import * as vscode from 'vscode';
import { gaps, widthOf } from './align.ts';

export interface PaintedValue {
  /** Counts from 0. */
  line: number;
  text: string;
  /** The code was edited since. */
  stale: boolean;
}

/** Long values would only be cut by the window. */
const LONGEST = 90;

export class Painter implements vscode.Disposable {
  readonly #fresh = decoration({ color: new vscode.ThemeColor('editorCodeLens.foreground') });
  readonly #stale = decoration({ color: new vscode.ThemeColor('disabledForeground'), fontStyle: 'italic' });

  /** All values of an editor, in place of those it had. */
  paint(editor: vscode.TextEditor, values: readonly PaintedValue[]): void {
    const { document } = editor;
    const there = values.filter(({ line }) => line < document.lineCount).toSorted((a, b) => a.line - b.line);
    const tabSize = Number(editor.options.tabSize) || 4;
    const lines = there.map(({ line }) => document.lineAt(line));
    const behind = gaps(there.map(({ line }, at) => ({ line, width: widthOf(lines[at]!.text, tabSize) })));
    const options = there.map(({ text }, at): vscode.DecorationOptions => {
      // Held by the first character of its code, so that it goes where the code goes, and shown at the end of the line.
      const { lineNumber, firstNonWhitespaceCharacterIndex: first } = lines[at]!;
      return { range: new vscode.Range(lineNumber, first, lineNumber, first + 1), renderOptions: { after: { contentText: shortened(text), margin: `0 0 0 ${behind[at]!}ch` } } };
    });
    editor.setDecorations(this.#fresh, options.filter((_, at) => !there[at]!.stale));
    editor.setDecorations(this.#stale, options.filter((_, at) => there[at]!.stale));
  }

  dispose(): void {
    this.#fresh.dispose();
    this.#stale.dispose();
  }
}

function decoration(after: vscode.ThemableDecorationAttachmentRenderOptions): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({ isWholeLine: true, rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed, after });
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
