import type { Place } from './errors.ts';

/** Request header in which the SDK names the lines of user code that led to a model call, innermost first. */
export const SITE_HEADER = 'x-tuning-fork-site';

/** Frames of a stack that are told. */
export const STACK_FRAMES = 8;
/** Servers refuse headers that are too long. */
const LONGEST = 4_096;
const LONGEST_NAME = 100;

/** Header values are ASCII, paths are not. A frame has no blank in it. */
export function encodeStack(stack: readonly Place[]): string {
  let header = '';
  for (const { file, line, column, key } of stack.slice(0, STACK_FRAMES)) {
    const name = key === undefined ? '' : `|${encodeURIComponent(wellFormed(key.slice(0, LONGEST_NAME)))}`;
    const frame = `${encodeURI(wellFormed(file))}:${line ?? 1}:${column ?? 1}${name}`;
    if (header.length + frame.length >= LONGEST) break;
    header += header === '' ? frame : ` ${frame}`;
  }
  return header;
}

/** Empty for anything that `encodeStack` did not write: the header comes from outside. */
export function decodeStack(header: string): Place[] {
  if (header.length > LONGEST) return [];
  const frames = header.split(' ');
  if (frames.length > STACK_FRAMES) return [];
  const stack: Place[] = [];
  for (const frame of frames) {
    const match = /^([^|]+):(\d{1,9}):(\d{1,9})(?:\|([^|]+))?$/.exec(frame);
    if (match === null) return [];
    try {
      const place: Place = { file: decodeURI(match[1]!), line: Number(match[2]), column: Number(match[3]) };
      stack.push(match[4] === undefined ? place : { ...place, key: decodeURIComponent(match[4]) });
    } catch {
      return [];
    }
  }
  return stack;
}

/** Half a character can't be encoded. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
