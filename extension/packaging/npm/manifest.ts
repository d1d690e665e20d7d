/** What the package for npm says of itself: of the repository's `package.json` what concerns a program. */
import { compiledName } from './compile.ts';

export interface Source {
  name: string;
  version: string;
  license: string;
  type: string;
  bin: Record<string, string>;
  exports: Record<string, string>;
  engines: { node: string };
  dependencies: Record<string, string>;
}

/** `bundled`: packages that lie in it, with their versions. */
export function npmManifest({ name, version, license, type, bin, exports, engines: { node }, dependencies }: Source, description: string, bundled: Readonly<Record<string, string>>): object {
  return {
    name, version, description, license, type, bin,
    exports: Object.fromEntries(Object.entries(exports).map(([entry, file]) => [entry, compiledName(file)])),
    engines: { node },
    // Our types name Node's; whichever the project has will do.
    dependencies: { ...dependencies, ...bundled, '@types/node': '*' },
    bundleDependencies: Object.keys(bundled),
  };
}
