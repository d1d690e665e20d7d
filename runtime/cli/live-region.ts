/** A part of the screen that is drawn over and over; what is printed meanwhile scrolls above it. */
import { clip, onlyColors, widthOf, type Terminal } from './terminal.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** The terminal shows what lies between the two at once. Those that don't know it ignore it. */
const BEGIN_FRAME = '\u001b[?2026h';
const END_FRAME = '\u001b[?2026l';
const TO_END_OF_LINE = '\u001b[K';
const TO_END_OF_SCREEN = '\u001b[J';

const active = new Set<LiveRegion>();

/** However this process ends, a person must find the cursor where it was. */
export function clearLiveRegions(): void {
  for (const region of active) region.clear();
}

process.on('exit', clearLiveRegions);

export class LiveRegion {
  private drawn: string[] = [];
  private drawnWidth = 0;
  private readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  draw(lines: string[]): void {
    const { width } = this.terminal;
    // A line that fills the last column wraps on some terminals.
    const cut = lines.map((line) => clip(onlyColors(line), width - 1));
    if (width === this.drawnWidth && cut.length === this.drawn.length && cut.every((line, index) => line === this.drawn[index])) return;
    this.terminal.write(`${BEGIN_FRAME}${this.hideCursor()}${this.toTop()}${rows(cut)}${TO_END_OF_SCREEN}${END_FRAME}`);
    this.drawn = cut;
    this.drawnWidth = width;
  }

  /** Prints above, and leaves the drawn part where it is: at the bottom. */
  print(text: string): void {
    const cut = this.drawn.map((line) => clip(line, this.terminal.width - 1));
    this.terminal.write(`${BEGIN_FRAME}${this.toTop()}${TO_END_OF_SCREEN}${onlyColors(text)}\n${rows(cut)}${END_FRAME}`);
    this.drawn = cut;
  }

  /** Leaves the screen as if nothing had been drawn, and the cursor visible. */
  clear(): void {
    if (!active.delete(this)) return;
    this.terminal.write(`${this.toTop()}${TO_END_OF_SCREEN}${SHOW_CURSOR}`);
    this.drawn = [];
  }

  private hideCursor(): string {
    if (active.has(this)) return '';
    active.add(this);
    return HIDE_CURSOR;
  }

  /** A narrower window has wrapped what was drawn, so it takes more rows now. */
  private toTop(): string {
    const { width } = this.terminal;
    const count = this.drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / width)), 0);
    return count === 0 ? '\r' : `\u001b[${count}A\r`;
  }
}

function rows(lines: string[]): string {
  return lines.map((line) => `${line}${TO_END_OF_LINE}\n`).join('');
}
