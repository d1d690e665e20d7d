/** What a terminal can do, and how text is drawn on it. */
import { stripVTControlCharacters } from 'node:util';

export interface Terminal {
  readonly interactive: boolean;
  readonly color: boolean;
  readonly width: number;
  write(text: string): void;
}

export function openTerminal(stream: NodeJS.WriteStream): Terminal {
  const interactive = stream.isTTY === true && process.env.TERM !== 'dumb' && process.env.CI === undefined;
  const color = process.env.FORCE_COLOR !== undefined || (stream.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb');
  return {
    interactive, color,
    get width() { return Math.max(40, Math.min(stream.columns ?? 100, 140)); },
    write: (text) => void stream.write(text),
  };
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39], cyan: [36, 39] } as const;
export type Paint = Record<keyof typeof codes, (text: string) => string>;

export function painter(color: boolean): Paint {
  const entries = Object.entries(codes).map(([name, [on, off]]) => [name, color ? (text: string) => `\u001b[${on}m${text}\u001b[${off}m` : (text: string) => text]);
  return Object.fromEntries(entries) as Paint;
}

/** Columns a text takes: CJK and emoji take two. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += isWide(character.codePointAt(0)!) ? 2 : 1;
  return width;
}

function isWide(code: number): boolean {
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3)
    || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60)
    || (code >= 0x1f300 && code <= 0x1f64f) || (code >= 0x1f900 && code <= 0x1f9ff) || (code >= 0x20000 && code <= 0x3fffd);
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** One line of it, no wider than `width`. */
export function fit(text: string, width: number): string {
  const line = visible(text).replace(/\s+/g, ' ').trim();
  if (widthOf(line) <= width) return line;
  let kept = '';
  for (const character of line) {
    if (widthOf(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Model output is hostile text: no escape sequence or bidi override of it reaches the terminal. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (character) => `⟨${character.codePointAt(0)!.toString(16)}⟩`);
}

/** A part of the screen that is drawn over and over; what is printed meanwhile scrolls above it. */
export class LiveRegion {
  private drawn = 0;
  private readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  draw(lines: string[]): void {
    this.terminal.write(`${this.eraser()}${lines.map((line) => `${line}\n`).join('')}`);
    this.drawn = lines.length;
  }

  clear(): void {
    if (this.drawn > 0) this.terminal.write(this.eraser());
    this.drawn = 0;
  }

  private eraser(): string {
    return this.drawn === 0 ? '' : `\u001b[${this.drawn}A\u001b[J`;
  }
}
