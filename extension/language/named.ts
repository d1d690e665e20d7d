import { sep } from 'node:path';

/** A class as a configuration names it. */
export interface Named {
  file: string;
  className: string;
}

/** Configurations go from one system to another, so their paths have slashes. */
export function posix(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}
