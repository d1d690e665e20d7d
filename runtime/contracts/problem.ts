/** What is wrong with a text, where, and what would mend it. Places are offsets into the text. */

export interface Span {
  start: number;
  end: number;
}

export interface Edit extends Span {
  text: string;
}

export interface Fix {
  title: string;
  edits: Edit[];
  /** The one that is most likely meant. */
  preferred?: boolean;
}

export interface Problem {
  code: string;
  severity: 'error' | 'warning';
  message: string;
  span: Span;
  fixes: Fix[];
}

/** The editor's translations, or for a test the text itself. */
export interface L10n {
  t(message: string, ...args: (string | number)[]): string;
}

export function insert(at: number, text: string): Edit {
  return { start: at, end: at, text };
}

export function replace({ start, end }: Span, text: string): Edit {
  return { start, end, text };
}

export function applyEdits(text: string, edits: readonly Edit[]): string {
  return edits.toSorted((a, b) => b.start - a.start).reduce((done, { start, end, text: by }) => done.slice(0, start) + by + done.slice(end), text);
}

/** The line of a place, without what stands on it. */
export function indentAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1))![0];
}

/** What to cut so that a line that holds nothing else goes with it. */
export function wholeLine(text: string, { start, end }: Span): Span {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const rest = /^[ \t]*(?:\r?\n|$)/.exec(text.slice(end));
  return rest !== null && text.slice(from, start).trim() === '' ? { start: from, end: end + rest[0].length } : { start, end };
}
