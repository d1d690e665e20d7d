import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { smallDrive } from '../protocol/paths.ts';
import type { LoadedConfig } from './load.ts';

/** A path of the YAML: meant from the YAML's folder first, then from where the command was started. */
export function findPath(loaded: Pick<LoadedConfig, 'dir' | 'cwd'>, path: string): string | undefined {
  return [resolve(loaded.dir, path), resolve(loaded.cwd, path)].map((candidate) => smallDrive(candidate)).find((candidate) => statSync(candidate, { throwIfNoEntry: false }) !== undefined);
}

/** The same for a file that must be there; `key` is where the YAML names it. */
export function needFile(loaded: Pick<LoadedConfig, 'dir' | 'cwd' | 'place'>, path: string, key: string): string {
  const found = findPath(loaded, path);
  const { dir, cwd } = loaded;
  const where = loaded.place(key);
  if (found === undefined) {
    const looked = dir === cwd || resolve(path) === path ? '' : `, neither in ${dir} nor in ${cwd}`;
    throw new TuningForkError('config', `\`${key}\` names ${path}, and there is no such file${looked || (dir === cwd ? ` in ${dir}` : '')}.`, { next: meant(resolve(dir, path)) ?? 'Paths are meant from the YAML’s folder, then from the folder of the command.', where });
  }
  if (statSync(found).isDirectory()) throw new TuningForkError('config', `\`${key}\` names ${path}, which is a folder; a file is wanted.`, { where });
  return found;
}

function meant(file: string): string | undefined {
  try {
    return didYouMean(basename(file), readdirSync(dirname(file)));
  } catch {
    return undefined;
  }
}
