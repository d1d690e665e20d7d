/** Traces and projects tell real paths, editors the ones that were opened. */
import { isAbsolute, relative, sep } from 'node:path';
import { realPath as onDisk } from '../runtime/protocol/paths.ts';

const real = new Map<string, string>();

export function realPath(path: string): string {
  const known = real.get(path);
  if (known !== undefined) return known;
  try {
    const found = onDisk(path);
    real.set(path, found);
    return found;
  } catch {
    return path;
  }
}

/** Also where one of the two was opened through a link. */
export function isWithin(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => {
    const way = relative(realPath(folder), realPath(file));
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}

/** Run from a terminal, a configuration is named by its real path. */
export function isSameFile(a: string, b: string): boolean {
  return a === b || realPath(a) === realPath(b);
}
