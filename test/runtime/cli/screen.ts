import type { Terminal } from '../../../runtime/cli/terminal.ts';
import { widthOf } from '../../../runtime/cli/terminal.ts';

/** A terminal small enough to be read here: what a person would see after each write, lines wrapped as they would be. */
export class Screen implements Terminal {
  readonly interactive = true;
  readonly color = false;
  width: number;
  cursorVisible = true;
  /** Each frame as it stood when a write ended. */
  readonly frames: string[][] = [];
  private rows: string[] = [''];
  private row = 0;

  constructor(width: number) {
    this.width = width;
  }

  get lines(): string[] {
    return this.rows.map((row) => row.trimEnd());
  }

  /** As terminals that reflow do: what is longer than the new width goes on in the next row. */
  resize(width: number): void {
    this.width = width;
    this.rows = this.rows.flatMap((row) => row.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']);
    this.row = this.rows.length - 1;
  }

  write(text: string): void {
    // eslint-disable-next-line no-control-regex
    for (const [part] of text.matchAll(/\u001b\[[?\d;]*[a-zA-Z]|\n|\r|[^\u001b\n\r]+/g)) this.take(part);
    this.frames.push(this.lines);
  }

  private take(part: string): void {
    // eslint-disable-next-line no-control-regex
    const [, code = '', letter = ''] = /^\u001b\[([?\d;]*)([a-zA-Z])$/.exec(part) ?? [];
    if (part === '\n') {
      this.row++;
      if (this.row === this.rows.length) this.rows.push('');
    } else if (part === '\r' || letter === 'm' || code === '?2026') {
      return;
    } else if (code === '?25') {
      this.cursorVisible = letter === 'h';
    } else if (letter === 'A') {
      this.row -= Number(code);
      if (this.row < 0) throw new Error('The cursor left the screen.');
    } else if (letter === 'J') {
      this.rows = [...this.rows.slice(0, this.row), ''];
    } else if (letter === 'K') {
      return;
    } else if (letter !== '') {
      throw new Error(`This screen does not know ${JSON.stringify(part)}.`);
    } else {
      if (widthOf(part) > this.width) throw new Error(`Wider than ${this.width}: ${part}`);
      this.rows[this.row] = part;
    }
  }
}
