/** The package `tuning-fork` as a project has it, or has it not. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

interface Manifest {
  name?: string;
  exports?: unknown;
  dependencies?: Record<string, string>;
}

/** Whether an import in this folder finds it, as Node and TypeScript look for it. */
export function findsPackage(project: string): boolean {
  const own = manifestOf(project);
  if (own?.name === 'tuning-fork' && own.exports !== undefined) return true;
  for (let dir = project; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'node_modules/tuning-fork/package.json'))) return true;
    if (dirname(dir) === dir) return false;
  }
}

/** Whether a project depends on a copy of the package, in some folder, that is gone. */
export function namesLostPackage(project: string): boolean {
  const named = manifestOf(project)?.dependencies?.['tuning-fork'];
  return named !== undefined && named.startsWith('file:') && !existsSync(resolve(project, named.slice('file:'.length)));
}

function manifestOf(project: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}
