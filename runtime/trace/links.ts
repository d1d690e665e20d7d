/** Of a run that somebody else made, files may be links: whoever goes on with it would cut and write what lies elsewhere. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import { isMissing } from './errors.ts';
import { ADVANTAGES_FILE, JOURNAL, LOG, METRICS_FILE, TRACES } from './layout.ts';

export async function refuseLinks(dir: string): Promise<void> {
  for (const name of [TRACES, JOURNAL, LOG, METRICS_FILE, ADVANTAGES_FILE]) {
    const path = join(dir, name);
    const found = await lstat(path).catch((error: unknown) => { if (!isMissing(error)) throw error; });
    if (found?.isSymbolicLink() === true) throw linked(path);
    if (found?.isDirectory() !== true) continue;
    const link = (await readdir(path, { withFileTypes: true })).find((entry) => entry.isSymbolicLink());
    if (link !== undefined) throw linked(join(path, link.name));
  }
}

function linked(path: string): TuningForkError {
  return new TuningForkError('trace', `${path} is a link to elsewhere, so nothing is written to this run.`, { where: { file: path }, next: 'Put the file itself in its place.' });
}
