import { fileURLToPath } from 'node:url';
import type { Place } from '../protocol/errors.ts';
import { smallDrive, withPaths } from '../protocol/paths.ts';
import { readStack } from '../sdk/call-site.ts';

const ownRoot = smallDrive(fileURLToPath(new URL('..', import.meta.url)));

/** Whether a stack frame is the user's: not Node's, not a package's, not ours. */
function isUserFrame(frame: string): boolean {
  if (frame.includes('node:') || frame.includes('node_modules')) return false;
  return !frame.includes(ownRoot) && /[/\\]/.test(frame);
}

/** The stack with everything above the first user frame cut away, so that it starts where the user can act. */
export function userStack(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const lines = error.stack.split('\n');
  const firstFrame = lines.findIndex((line) => /^\s+at /.test(line));
  if (firstFrame === -1) return error.stack;
  const frames = withPaths(lines.slice(firstFrame).join('\n')).split('\n');
  const firstUser = frames.findIndex(isUserFrame);
  const lastUser = frames.findLastIndex(isUserFrame);
  const kept = firstUser === -1 ? frames : frames.slice(firstUser, lastUser + 1);
  return [`${error.name}: ${error.message}`, ...kept].join('\n');
}

/** The first user frame of a stack as a place. */
export function userPlace(stack: string | undefined): Place | undefined {
  return stack === undefined ? undefined : readStack(stack).place;
}
