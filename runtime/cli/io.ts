/** Where a command writes: results to stdout, progress and errors to stderr. With `--json`, stdout is one JSON object per line. */
import { onlyColors, openTerminal, painter, type Paint, type Terminal } from './terminal.ts';

export const out: Terminal = openTerminal(process.stdout);
export const err: Terminal = openTerminal(process.stderr);
export const paint: Paint = painter(out.color);
export const errPaint: Paint = painter(err.color);

/** What an exit code means. */
export const EXIT = { ok: 0, failed: 1, usage: 2, internal: 3, cancelled: 130 } as const;

export function print(line = ''): void {
  out.write(`${onlyColors(line)}\n`);
}

/** Every line has a `type`. What JSON leaves as it is and a terminal may obey is written as its number. */
export function printJson<T extends { type: string }>(value: T): void {
  out.write(`${JSON.stringify(value).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, numbered)}\n`);
}

export function note(line: string): void {
  err.write(`${onlyColors(line)}\n`);
}

function numbered(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
