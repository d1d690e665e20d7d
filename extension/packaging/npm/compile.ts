/**
 * The runtime as JavaScript with declarations: Node strips no types below `node_modules`. File for file and at the same places, so that code
 * finds what lies beside it by the same paths.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** What is asked for from outside (`runtime/sdk/index.ts`), compiled into `work`. @returns these and all they name: file -> text. */
export function compile(root: string, entries: readonly string[], work: string): Map<string, string> {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'extension/packaging/npm/tsconfig.npm.json'), '--outDir', work], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('The runtime could not be compiled.');
  // What is JavaScript in the repository is not compiled.
  const placeOf = (file: string): string | undefined => [join(work, file), join(root, file)].find((path) => /\.m?js$|\.d\.m?ts$/.test(file) && existsSync(path));
  const found = new Map<string, string>();
  const visit = (file: string): void => {
    const place = placeOf(file);
    if (place === undefined || found.has(file)) return;
    found.set(file, '');
    found.set(file, readFileSync(place, 'utf8').replace(/(['"])(\.{1,2}\/[^'"\n]+)\.(m?)[jt]s\1/g, (whole, quote: string, path: string, module: string) => {
      const named = posix.join(posix.dirname(file), path);
      const target = /\.d\.m?ts$/.test(file) ? `${named}.d.${module}ts` : `${named}.${module}js`;
      if (placeOf(target) === undefined) return whole;
      visit(target);
      return `${quote}${path}.${module}js${quote}`;
    }));
  };
  for (const entry of entries) {
    const name = entry.replace(/^\.\//, '');
    visit(compiledName(name));
    visit(name.replace(/\.ts$/, '.d.ts'));
  }
  return found;
}

export function compiledName(source: string): string {
  return source.replace(/\.ts$/, '.js');
}
