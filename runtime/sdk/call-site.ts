import { fileURLToPath } from 'node:url';
import type { Place } from '../protocol/errors.ts';
import { smallDrive } from '../protocol/paths.ts';
import { STACK_FRAMES } from '../protocol/site.ts';

export interface CallSite {
  /** The nearest line of user code; undefined where the stack does not tell. */
  place: Place | undefined;
  /** The frames of user code, innermost first, each with the name of its function. */
  stack: Place[];
  /** All frames from the first of user code on, as text. */
  frames: string;
}

const ownRoot = smallDrive(fileURLToPath(new URL('..', import.meta.url)));

/** A call from user code is a few frames away; one from inside a framework may be many. */
const NEAR = 12;
const FAR = 64;

/** The line of user code that led to `callee`, across awaits. */
export function callSite(callee: Function): CallSite {
  const near = capture(callee, NEAR);
  const site = readStack(near);
  return site.place === undefined && near.split('\n').length > NEAR ? readStack(capture(callee, FAR)) : site;
}

function capture(callee: Function, depth: number): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: unknown } = {};
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(holder, callee);
  Error.stackTraceLimit = limit;
  return typeof holder.stack === 'string' ? holder.stack : '';
}

const frame = /^\s+at (?:(.*?) \()?(?:async )?((?:file:\/\/|[A-Za-z]:[\\/]|\/).*?):(\d+):(\d+)\)?$/;

export function readStack(text: string): CallSite {
  const lines = text.split('\n');
  const stack: Place[] = [];
  let first = lines.length;
  for (let index = 0; index < lines.length && stack.length < STACK_FRAMES; index++) {
    const match = frame.exec(lines[index]!);
    if (match === null) continue;
    const file = userFile(match[2]!);
    if (file === undefined) continue;
    first = Math.min(first, index);
    const key = match[1]?.replace(/^async /, '');
    stack.push({ file, line: Number(match[3]), column: Number(match[4]), ...(key !== undefined && { key }) });
  }
  return { place: withoutName(stack[0]), stack, frames: lines.slice(first).join('\n') };
}

const files = new Map<string, string | undefined>();

/** The path of a script, unless it is ours or a package's. The same few are asked for again and again. */
function userFile(script: string): string | undefined {
  if (files.has(script)) return files.get(script);
  const path = smallDrive(script.startsWith('file:') ? fileURLToPath(script) : script);
  const file = path.startsWith(ownRoot) || /[\\/]node_modules[\\/]/.test(path) ? undefined : path;
  files.set(script, file);
  return file;
}

function withoutName(place: Place | undefined): Place | undefined {
  return place && { file: place.file, line: place.line!, column: place.column! };
}
