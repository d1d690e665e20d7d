import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { furnish, link, packageRoot } from '../../runtime/cli/init/scaffold.ts';

/** They import from one another, so they are copied together, laid out as their READMEs have it. */
export const FOLDER = 'tuning-fork-examples';
export const EXAMPLES = ['math-agent', 'countdown', 'frozenlake', 'duel'] as const;
export type Example = (typeof EXAMPLES)[number];

/** What somebody has made of an earlier copy stays theirs. */
export async function copyExamples(dir: string): Promise<void> {
  // Made last: where it is, the copy is whole.
  const linked = join(dir, 'node_modules/tuning-fork');
  if (existsSync(linked)) return;
  await mkdir(dir, { recursive: true });
  // Those of frameworks need packages that only a network has.
  const left = ['runs', 'images', 'node_modules', 'frameworks'];
  await cp(join(packageRoot, 'examples'), join(dir, 'examples'), { recursive: true, force: false, filter: (path) => !left.includes(basename(path)) });
  await furnish(dir, Object.fromEntries(EXAMPLES.map((name) => [name, `tuning-fork train --conf examples/${name}/${name}.yaml`])));
  await link(dir);
}
