/** Where lines of a text have gone since, by the edits made to it. Nothing is computed while somebody types: edits are noted, and asked about later. */

/** The part of an editor's change that moves lines. Lines count from 0. */
export interface LineEdit {
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
  text: string;
}

export class MovedLines {
  readonly #edits: LineEdit[] = [];

  /** In the order in which the editor tells them: those of one event are about the text before it, from behind. `isBlank`: of the text after it. */
  note(edits: readonly LineEdit[], isBlank: (line: number) => boolean): void {
    for (const { range, text } of edits) {
      if (range.start.line === range.end.line && !text.includes('\n')) continue;
      const { start } = range;
      // A line break before the first word takes the line down, as one at its beginning does.
      const pushed = start.character > 0 && /^\r?\n/.test(text) && isBlank(start.line);
      this.#edits.push({ range: pushed ? { ...range, start: { ...start, character: 0 } } : range, text });
    }
  }

  /** The text is again what the lines were counted in. */
  forget(): void {
    this.#edits.length = 0;
  }

  /** Undefined for a line that was deleted. */
  find(line: number): number | undefined {
    let at: number | undefined = line;
    for (const edit of this.#edits) {
      at = moved(at, edit);
      if (at === undefined) return undefined;
    }
    return at;
  }
}

function moved(line: number, { range: { start, end }, text }: LineEdit): number | undefined {
  const delta = text.split('\n').length - 1 - (end.line - start.line);
  if (line < start.line) return line;
  // Behind it, or on its last line, of which the rest stays.
  if (line > end.line || (line === end.line && (line > start.line || start.character === 0))) return line + delta;
  return line === start.line && (start.character > 0 || text !== '') ? line : undefined;
}
