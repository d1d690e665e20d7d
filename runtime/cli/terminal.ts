/** What a terminal can do, and how text is measured and cut for it. */
import { stripVTControlCharacters } from 'node:util';
import { inOldLetters, isOldConsole } from './old-console.ts';

export interface Terminal {
  /** Somebody looks at it, and it can be drawn over. */
  readonly interactive: boolean;
  readonly color: boolean;
  /** Columns, as they are now. */
  readonly width: number;
  write(text: string): void;
}

/** Width of text that goes to a pipe or a file, where nobody has asked for another. */
const PLAIN_WIDTH = 100;
const LEAST_WIDTH = 20;

export function openTerminal(stream: NodeJS.WriteStream): Terminal {
  const { TERM, CI, COLUMNS } = process.env;
  const plainWidth = Number(COLUMNS) >= LEAST_WIDTH ? Math.floor(Number(COLUMNS)) : PLAIN_WIDTH;
  const terminal = stream.isTTY === true && TERM !== 'dumb';
  const old = terminal && isOldConsole();
  return {
    interactive: terminal && CI === undefined,
    color: wantsColor(terminal),
    get width() { return stream.columns || plainWidth; },
    write: (text) => void stream.write(old ? inOldLetters(text) : text),
  };
}

/** https://no-color.org and https://force-color.org: set and not empty. */
function wantsColor(terminal: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (FORCE_COLOR) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return terminal && !NO_COLOR;
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39], cyan: [36, 39] } as const;
export type Paint = Record<keyof typeof codes, (text: string) => string>;

export function painter(color: boolean): Paint {
  const entries = Object.entries(codes).map(([name, [on, off]]) => [name, color ? (text: string) => `\u001b[${on}m${text}\u001b[${off}m` : (text: string) => text]);
  return Object.fromEntries(entries) as Paint;
}

/** Columns a text takes: CJK and emoji take two, marks that sit on another character none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += widthOfCharacter(character);
  return width;
}

function widthOfCharacter(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x300) return 1;
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  return isWide(code) || /\p{Emoji_Presentation}/u.test(character) ? 2 : 1;
}

/** Unicode's East Asian Width W and F, in ranges. */
function isWide(code: number): boolean {
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) || (code >= 0xa960 && code <= 0xa97f)
    || (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f)
    || (code >= 0xff01 && code <= 0xff60) || (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x20000 && code <= 0x3fffd);
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** Foreign text as one line no wider than `width`: line breaks and runs of spaces become one space. */
export function fit(text: string, width: number): string {
  return clip(visible(text).replace(/\s+/g, ' ').trim(), width);
}

/** A line of our own, cut where it would go over `width`. Its spaces stay, and its colours end where it does. */
export function clip(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let kept = '';
  let used = 0;
  // eslint-disable-next-line no-control-regex
  for (const [part] of line.matchAll(/\u001b\[[\d;]*m|[^\u001b]/gu)) {
    if (part.startsWith('\u001b')) {
      kept += part;
      continue;
    }
    used += widthOfCharacter(part);
    if (used > width - 1) break;
    kept += part;
  }
  return `${kept}…${kept.includes('\u001b') ? '\u001b[0m' : ''}`;
}

/** Breaks prose between words; a text without spaces, such as Chinese, breaks anywhere. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  const put = (piece: string): void => {
    if (line !== '' && widthOf(line + piece.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = piece.trimStart();
    } else {
      line += piece;
    }
  };
  for (const piece of text.match(/\p{Script=Han}[，。；：、！？）」』]*|[^\s\p{Script=Han}]+\s*|\s+/gu) ?? []) put(piece);
  return line.trim() === '' ? lines : [...lines, line.trimEnd()];
}

/** Text of a model or of user code is hostile: no escape sequence, bidi override or invisible character of it reaches the terminal. */
export function visible(text: string): string {
  return text.replace(/(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, shown);
}

/** The last door before the terminal: of what came into our lines only colours are let through, whoever forgot to look. */
export function onlyColors(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[\d;]*m|(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (found) => (found.startsWith('\u001b[') ? found : shown(found)));
}

function shown(character: string): string {
  return `⟨${character.codePointAt(0)!.toString(16)}⟩`;
}
