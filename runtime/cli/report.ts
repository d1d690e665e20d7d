/** Errors as a person reads them, and the exit code each stands for. */
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorInfo, formatPlace, type ErrorCode, type ErrorInfo, type Place, type TuningForkError } from '../protocol/errors.ts';
import { localizeError } from '../protocol/localize.ts';
import { smallDrive, withPaths } from '../protocol/paths.ts';
import { fileError, hasWords } from '../trace/errors.ts';
import { asTyped } from './invocation.ts';
import { err, errPaint, EXIT, note, printJson } from './io.ts';
import { language, t } from './l10n.ts';
import { visible, widthOf, type Paint } from './terminal.ts';

const OURS = smallDrive(fileURLToPath(new URL('../', import.meta.url)));
const FRAMES = 6;

/** `place: sentence`, the lines of user code that led there, and the next step. */
export function describeError(told: ErrorInfo, colors: Paint, width: number = err.width): string {
  const info = inOurWords(told);
  // The list of a configuration's mistakes names the file before each of them.
  const itself = namesItsFile(info);
  const message = visible(itself ? info.message.replaceAll(here(), '') : info.code === 'config' ? info.message.replaceAll(`\n  ${here()}`, '\n  ') : info.message);
  const place = info.where === undefined || itself ? '' : visible(formatPlace(nearby(info.where)));
  const short = !message.includes('\n') && widthOf(`${place}: ${message}`) < width - 20;
  return [
    place === '' ? message : short ? `${colors.cyan(place)}: ${message}` : `${colors.cyan(place)}\n  ${message}`,
    ...userFrames(info).map((frame) => colors.dim(`    ${frame}`)),
    ...(info.next === undefined ? [] : [`  ${colors.yellow('→')} ${visible(asTyped(info.next)).replaceAll(here(), '')}`]),
  ].join('\n');
}

/** As "Cannot write <file>: …" does. */
function namesItsFile({ code, message, where }: ErrorInfo): boolean {
  return code === 'trace' && where !== undefined && where.line === undefined && message.includes(where.file);
}

/** In the language of the terminal. Programs get errors as they are. */
export function inOurWords(info: ErrorInfo): ErrorInfo {
  return localizeError(info, language);
}

/** What went wrong beside what was asked for. */
export function warn(problems: readonly TuningForkError[]): void {
  for (const problem of problems) note(`${errPaint.yellow('!')} ${describeError({ ...problem, message: problem.message, stack: undefined }, errPaint)}`);
}

/** A fault of ours shows all of its stack, others only what is the reader's own code. */
function userFrames({ code, stack }: ErrorInfo): string[] {
  const all = visible(withPaths(stack ?? '')).split('\n').filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
  const frames = code === 'internal' ? all : all.filter((frame) => !frame.includes(OURS) && !frame.includes('node:'));
  return frames.slice(0, FRAMES).map((frame) => frame.replaceAll(here(), ''));
}

/** The working directory, as paths below it begin. */
function here(): string {
  return `${smallDrive(process.cwd())}${sep}`;
}

/** Files below the working directory are named from there, as a person would. */
export function nearby(place: Place): Place {
  const path = relative(process.cwd(), place.file);
  return path === '' || path.startsWith('..') || isAbsolute(path) ? place : { ...place, file: path };
}

/** The call, a file or the model it names is wrong: whoever typed it can put it right. */
const CALLERS: ReadonlySet<ErrorCode> = new Set(['usage', 'config', 'workflow', 'judge', 'data', 'policy', 'provider', 'not-here-yet']);

export function exitCodeOf({ code }: ErrorInfo): number {
  return CALLERS.has(code) ? EXIT.usage : code === 'internal' ? EXIT.internal : EXIT.failed;
}

export function noteError(error: ErrorInfo): void {
  note(errPaint.red(t('Error: ')) + describeError(error, errPaint));
}

export function reportError(error: unknown, json: boolean): number {
  const info = errorInfo(ofSystem(error) ?? error);
  if (json) printJson({ type: 'error', error: info });
  else noteError(info);
  return exitCodeOf(info);
}

const ACTIONS: Readonly<Record<string, Parameters<typeof fileError>[0]>> = { mkdir: 'create', open: 'write', write: 'write', unlink: 'delete', rmdir: 'delete', rm: 'delete' };

/** The machine refused a file, wherever that was: no fault of ours. */
function ofSystem(error: unknown): TuningForkError | undefined {
  const { code, path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return path === undefined || syscall === undefined || !hasWords(code) ? undefined : fileError(ACTIONS[syscall] ?? 'read', path, error);
}
