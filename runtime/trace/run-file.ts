import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunInfo } from '../protocol/trace.ts';
import { runCheck } from './checks.ts';
import { fileError, refused } from './errors.ts';
import { RUN_FILE } from './layout.ts';

/** Replaces run.json as a whole, so that no reader ever sees a half of it. */
export async function writeRunInfo(dir: string, info: RunInfo): Promise<void> {
  const found = runCheck(info);
  if (found) throw refused(`The description of run ${info.run}`, found);
  const path = join(dir, RUN_FILE);
  try {
    const handle = await open(`${path}.tmp`, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(info, null, 2)}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await replace(`${path}.tmp`, path);
  } catch (error) {
    throw fileError('write', path, error);
  }
}

/** Windows refuses to replace a file that somebody reads just now. */
async function replace(from: string, to: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (process.platform !== 'win32' || (code !== 'EPERM' && code !== 'EACCES' && code !== 'EBUSY') || tries >= 10) throw error;
      await sleep(10 * tries);
    }
  }
}
