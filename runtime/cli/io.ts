/** Where a command writes: results to stdout, progress and errors to stderr. With `--json`, stdout is one JSON object per line. */
import { errorInfo, formatPlace, type ErrorInfo } from '../protocol/errors.ts';
import { t } from './l10n.ts';
import { openTerminal, painter, visible, type Paint, type Terminal } from './terminal.ts';

export const out: Terminal = openTerminal(process.stdout);
export const err: Terminal = openTerminal(process.stderr);
export const paint: Paint = painter(out.color);
export const errPaint: Paint = painter(err.color);

/** What an exit code means. */
export const EXIT = { ok: 0, failed: 1, usage: 2, internal: 3, cancelled: 130 } as const;

export function print(line = ''): void {
  out.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  out.write(`${JSON.stringify(value)}\n`);
}

export function note(line: string): void {
  err.write(`${line}\n`);
}

export function describeError(info: ErrorInfo, colors: Paint): string {
  const place = info.where === undefined ? '' : `${colors.cyan(visible(formatPlace(info.where)))}\n  `;
  const stack = info.stack === undefined ? '' : `\n${colors.dim(visible(info.stack).split('\n').filter((line) => /^\s+at /.test(line)).slice(0, 6).join('\n'))}`;
  return `${place}${visible(info.message)}${stack}${info.next === undefined ? '' : `\n  ${colors.yellow('→')} ${visible(info.next)}`}`;
}

export function reportError(error: unknown, json: boolean): number {
  const info = errorInfo(error);
  if (json) printJson({ type: 'error', error: info });
  else err.write(`${errPaint.red(t('Error:'))} ${describeError(info, errPaint)}\n`);
  return info.code === 'usage' || info.code === 'config' || info.code === 'data' || info.code === 'workflow' ? EXIT.usage : info.code === 'internal' ? EXIT.internal : EXIT.failed;
}
