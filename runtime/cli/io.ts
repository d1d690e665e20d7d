/** Where a command writes: results to stdout, progress and errors to stderr. With `--json`, stdout is one JSON object per line. */
import { openTerminal, painter, type Paint, type Terminal } from './terminal.ts';

export const out: Terminal = openTerminal(process.stdout);
export const err: Terminal = openTerminal(process.stderr);
export const paint: Paint = painter(out.color);
export const errPaint: Paint = painter(err.color);

/** What an exit code means. */
export const EXIT = { ok: 0, failed: 1, usage: 2, internal: 3, cancelled: 130 } as const;

export function print(line = ''): void {
  out.write(`${line}\n`);
}

/** Every line has a `type`. */
export function printJson<T extends { type: string }>(value: T): void {
  out.write(`${JSON.stringify(value)}\n`);
}

export function note(line: string): void {
  err.write(`${line}\n`);
}
