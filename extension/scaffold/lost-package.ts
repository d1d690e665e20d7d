import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Whether a project depends on a copy of the package, in some folder, that is gone. */
export async function namesLostPackage(project: string): Promise<boolean> {
  try {
    const { dependencies } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> };
    const named = dependencies?.['tuning-fork'];
    return named !== undefined && named.startsWith('file:') && !existsSync(resolve(project, named.slice('file:'.length)));
  } catch {
    return false;
  }
}
