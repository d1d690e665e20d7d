/**
 * `npm run package`: what people install, in dist/package. A VSIX for each platform, which works without network, and the package for npm.
 * `-- --target linux-x64` makes one of them. Prints one JSON line a file.
 */
import { relative } from 'node:path';
import { TARGETS } from './target.ts';
import { makeVsix } from './vsix.ts';
import { makeTarball } from './npm/tarball.ts';

interface Made { path: string; bytes: number }
interface Kind { limit: number; list: string; make(): Promise<Made> }

const KINDS: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(TARGETS.map((target): [string, Kind] => [target.name, { limit: 45_000_000, list: 'unzip -lv', make: () => makeVsix(target) }])),
  npm: { limit: 75_000_000, list: 'tar -tvf', make: () => makeTarball() },
};

const at = process.argv.indexOf('--target');
const asked = at === -1 ? Object.keys(KINDS) : [process.argv[at + 1] ?? ''];

for (const name of asked) {
  const kind = KINDS[name] ?? fail(`There is no target "${name}".`, `There are ${Object.keys(KINDS).join(', ')}.`);
  const { path, bytes } = await kind.make();
  const file = relative(process.cwd(), path);
  console.log(JSON.stringify({ target: name, file, megabytes: Math.round(bytes / 10_000) / 100 }));
  if (bytes > kind.limit) fail(`The package for ${name} is larger than ${kind.limit / 1e6} MB.`, `"${kind.list} ${file}" tells what it holds.`);
}

function fail(problem: string, next: string): never {
  console.error(`${problem}\n  → ${next}`);
  process.exit(1);
}
