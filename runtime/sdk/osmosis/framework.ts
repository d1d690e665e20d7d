import { join } from 'node:path';
import { loadInstalled, type Wanted } from '../installed.ts';

type Shared = { [key: symbol]: string | undefined };

/** One for all copies of this package in the process. */
const key = Symbol.for('tuning-fork.entrypoint');

/** A worker tells which file is imported, as what is imported by it can't know. */
export function importedBy(file: string): void {
  (globalThis as Shared)[key] = file;
}

/** A class of a framework, from what the project has installed. */
export function installedClass(wanted: Wanted): unknown {
  return loadInstalled(wanted, (globalThis as Shared)[key] ?? process.argv[1] ?? join(process.cwd(), 'package.json'), undefined);
}
