/** Where a place in a YAML is, told by lines and indents: that also works for a text which is half written and no YAML yet. */
import type { Span } from '../../runtime/contracts/problem.ts';

export interface YamlCursor {
  at: 'key' | 'value';
  /** The mapping around it, the root first; at a value with its key at the end. */
  path: string[];
  /** What is written there, to be replaced. */
  span: Span;
  written: string;
  /** Keys that stand in the same mapping already. */
  siblings: string[];
  indent: string;
  /** At a key: whether its colon is there. */
  colon: boolean;
  /** Inside { } or [ ]. */
  flow: boolean;
}

const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s:#{}[\],&*!|>'"%@`-][^\s:#{}[\],]*))\s*:(?=\s|$)/;

interface Line {
  indent: number;
  /** Where a list's dash ends and the rest begins. */
  content: number;
  item: boolean;
  key: string | undefined;
  blank: boolean;
}

export function cursorAt(text: string, offset: number): YamlCursor | undefined {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const before = text.slice(0, offset).split('\n');
  const row = before.length - 1;
  const line = lines[row]!;
  const column = before[row]!.length;
  const start = offset - column;
  const comment = commentAt(line);
  if (column > comment) return undefined;

  const here = readLine(line, column);
  const rest = line.slice(here.content, comment);
  const column0 = column - here.content;
  const parents = parentsOf(lines, row, here.item ? here.indent + 1 : here.indent);
  const block = { indent: line.slice(0, here.indent), siblings: siblingsOf(lines, row, here.indent), flow: false };
  const key = KEY.exec(rest);
  if (here.item && key === null) {
    const { from, to } = trimmed(rest, 0);
    return { ...block, at: 'value', path: parents, span: { start: start + here.content + from, end: start + here.content + to }, written: rest.slice(from, to), siblings: [], colon: true };
  }
  if (key === null || column0 <= key[0].length - 1) {
    const word = /^[^\s:#{}[\],]*/.exec(rest)![0];
    // Behind a word without a colon there is nothing to say.
    if (column0 > word.length) return undefined;
    return { ...block, at: 'key', path: parents, span: { start: start + here.content, end: start + here.content + word.length }, written: unquoted(word), colon: key !== null, siblings: block.siblings.filter((name) => name !== key?.slice(1).find(Boolean)) };
  }
  const name = nameOf(key)!;
  const value = { text: rest.slice(key[0].length), start: start + here.content + key[0].length };
  return valueAt(value, column0 - key[0].length, [...parents, name], block);
}

/** The dotted path of the key or of the value's key at a place, the root first. */
export function keyPathAt(text: string, offset: number): { path: string[]; span: Span } | undefined {
  const cursor = cursorAt(text, offset);
  if (cursor === undefined || (cursor.at === 'key' && (cursor.written === '' || !cursor.colon)) || offset > cursor.span.end) return undefined;
  return { path: cursor.at === 'key' ? [...cursor.path, cursor.written] : cursor.path, span: cursor.span };
}

/** Inside the value of a key: it may be a scalar, or { } and [ ] that hold keys of their own. */
function valueAt(value: { text: string; start: number }, column: number, path: string[], block: { indent: string }): YamlCursor | undefined {
  const open: { brace: '{' | '['; from: number; path: string[] }[] = [];
  let from = 0;
  let at: 'key' | 'value' = 'value';
  let current = path;
  for (let i = 0; i < column; i++) {
    const char = value.text[i]!;
    const top = open.at(-1);
    if (char === '"' || char === "'") {
      const close = value.text.indexOf(char, i + 1);
      if (close < 0 || close >= column) break;
      i = close;
    } else if (char === '{' || char === '[') {
      open.push({ brace: char, from: i, path: current });
      at = char === '{' ? 'key' : 'value';
      from = i + 1;
    } else if ((char === '}' || char === ']') && top !== undefined) {
      open.pop();
      current = top.path;
      at = 'value';
      from = i + 1;
    } else if (char === ',' && top !== undefined) {
      current = top.path;
      at = top.brace === '{' ? 'key' : 'value';
      from = i + 1;
    } else if (char === ':' && top?.brace === '{' && at === 'key' && /\s/.test(value.text[i + 1] ?? ' ')) {
      current = [...top.path, unquoted(value.text.slice(from, i).trim())];
      at = 'value';
      from = i + 1;
    }
  }
  const top = open.at(-1);
  const end = top === undefined ? value.text.length : from + /^[^,:{}[\]]*/.exec(value.text.slice(from))![0].length;
  // A path may hold a colon, and an arrow belongs to a value: only a key ends at one.
  const stop = top !== undefined && at === 'value' ? from + /^[^,}\]]*/.exec(value.text.slice(from))![0].length : end;
  const piece = trimmed(value.text.slice(0, stop), from);
  const span = { start: value.start + Math.min(piece.from, column), end: value.start + Math.max(piece.to, Math.min(piece.from, column)) };
  const siblings = top?.brace === '{' && at === 'key' ? [...value.text.slice(top.from).matchAll(/([\w.-]+)\s*:/g)].map(([, name]) => name!) : [];
  return { ...block, at, path: at === 'key' ? top!.path : current, span, written: value.text.slice(piece.from, piece.to), siblings, colon: /^\s*:/.test(value.text.slice(end)), flow: top !== undefined };
}

/** Where a text from a place on begins and ends, spaces left out. */
function trimmed(text: string, from: number): { from: number; to: number } {
  const rest = text.slice(from);
  const lead = rest.length - rest.trimStart().length;
  return rest.trim() === '' ? { from: from + Math.min(1, lead), to: from + Math.min(1, lead) } : { from: from + lead, to: from + rest.trimEnd().length };
}

function readLine(line: string, column = Infinity): Line {
  const blank = /^\s*(?:#|$)/.test(line);
  const indent = Math.min(/^ */.exec(line)![0].length, column);
  const dash = /^(?:-\s+)+|^-$/.exec(line.slice(indent))?.[0] ?? '';
  const content = indent + dash.length;
  return { indent, content, item: dash !== '', blank, key: nameOf(KEY.exec(line.slice(content))) };
}

function nameOf(key: RegExpExecArray | null): string | undefined {
  return key?.slice(1).find((name) => name !== undefined);
}

function parentsOf(lines: readonly string[], row: number, indent: number): string[] {
  const path: string[] = [];
  let limit = indent;
  for (let i = row - 1; i >= 0 && limit > 0; i--) {
    const line = readLine(lines[i]!);
    // The items of a list may stand as far left as its key.
    if (line.blank || line.indent >= limit || (line.item && line.key === undefined)) continue;
    if (line.key !== undefined) path.unshift(line.key);
    limit = line.indent;
  }
  return path;
}

function siblingsOf(lines: readonly string[], row: number, indent: number): string[] {
  const names: string[] = [];
  for (const step of [-1, 1]) {
    for (let i = row + step; i >= 0 && i < lines.length; i += step) {
      const line = readLine(lines[i]!);
      if (line.blank) continue;
      if (line.indent < indent) break;
      if (line.indent === indent && line.key !== undefined) names.push(line.key);
    }
  }
  return names;
}

/** Where a comment starts; the line's end if there is none. */
function commentAt(line: string): number {
  let quote: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote !== undefined) quote = char === quote ? undefined : quote;
    else if ((char === '"' || char === "'") && /[\s[{,:]/.test(line[i - 1] ?? ' ')) quote = char;
    else if (char === '#' && /\s/.test(line[i - 1] ?? ' ')) return i;
  }
  return line.length;
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2');
}
