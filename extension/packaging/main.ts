/**
 * `npm run package`: a VSIX for each platform, which installs and works without network. `-- --target linux-x64` makes one.
 * Prints one JSON line a file.
 */
import { relative } from 'node:path';
import { TARGETS } from './target.ts';
import { makeVsix } from './vsix.ts';

const LIMIT = 45_000_000;

const at = process.argv.indexOf('--target');
const asked = at === -1 ? undefined : process.argv[at + 1];
const targets = at === -1 ? TARGETS : TARGETS.filter(({ name }) => name === asked);
if (targets.length === 0) fail(`There is no target "${asked ?? ''}".`, `There are ${TARGETS.map(({ name }) => name).join(', ')}.`);

for (const target of targets) {
  const { path, bytes } = await makeVsix(target);
  console.log(JSON.stringify({ target: target.name, file: relative(process.cwd(), path), megabytes: Math.round(bytes / 10_000) / 100 }));
  if (bytes > LIMIT) fail(`The package for ${target.name} is larger than 45 MB.`, `"unzip -lv ${relative(process.cwd(), path)}" tells what it holds.`);
}

function fail(problem: string, next: string): never {
  console.error(`${problem}\n  → ${next}`);
  process.exit(1);
}
