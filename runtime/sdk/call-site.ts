import { fileURLToPath } from 'node:url';
import type { Place } from '../protocol/errors.ts';

export interface CallSite {
  /** The nearest line of user code; undefined where the stack does not tell. */
  place: Place | undefined;
  /** The stack from there on. */
  frames: string;
}

const ownRoot = fileURLToPath(new URL('..', import.meta.url));

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

const frame = /^\s+at (?:.*?\()?(?:async )?((?:file:\/\/|[A-Za-z]:[\\/]|\/).*?):(\d+):(\d+)\)?$/;

export function readStack(stack: string): CallSite {
  const lines = stack.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const match = frame.exec(lines[index]!);
    if (match === null) continue;
    const file = match[1]!.startsWith('file:') ? fileURLToPath(match[1]!) : match[1]!;
    if (file.startsWith(ownRoot) || /[\\/]node_modules[\\/]/.test(file)) continue;
    return { place: { file, line: Number(match[2]), column: Number(match[3]) }, frames: lines.slice(index).join('\n') };
  }
  return { place: undefined, frames: '' };
}
