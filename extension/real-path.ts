/** Traces and projects tell real paths, editors the ones that were opened. */
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

/** Run from a terminal, a configuration is named by its real path. */
export function isSameFile(a: string, b: string): boolean {
  return a === b || realPath(a) === realPath(b);
}
