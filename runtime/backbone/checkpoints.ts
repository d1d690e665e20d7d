import { findPath } from '../config/files.ts';
import { embedded } from '../policy/open.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { findRun } from '../trace/index.ts';
import { checkpointNamed } from '../training/state.ts';

const PREFIX = 'policy@';

/** `policy@embedded`, `policy@<folder>` or `policy@<run>/<best|last|name>`: weights that stay as they are, beside those in training. */
export async function checkpointFolder(name: string, { dir, cwd, runsRoot }: { dir: string; cwd: string; runsRoot: string }): Promise<string | undefined> {
  if (!name.startsWith(PREFIX)) return undefined;
  const wanted = name.slice(PREFIX.length);
  if (wanted === 'embedded') return embedded;
  const folder = findPath({ dir, cwd }, wanted);
  if (folder !== undefined) return folder;
  const cut = wanted.lastIndexOf('/');
  const run = await findRun(runsRoot, cut === -1 ? wanted : wanted.slice(0, cut), ['training']);
  const checkpoint = await checkpointNamed(run.dir, cut === -1 ? 'best' : wanted.slice(cut + 1));
  if (checkpoint !== undefined) return checkpoint;
  throw new TuningForkError('policy', `The training ${run.info.run} has no checkpoint "${wanted.slice(cut + 1)}".`, { next: 'Name best, last, or a step such as step-20.' });
}
