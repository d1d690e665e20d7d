import { join } from 'node:path';
import type { RunInfo } from '../protocol/trace.ts';
import { runCheck } from './checks.ts';
import { fileError, refused } from './errors.ts';
import { RUN_FILE } from './layout.ts';
import { replaceFile } from './replace.ts';

export async function writeRunInfo(dir: string, info: RunInfo): Promise<void> {
  const found = runCheck(info);
  if (found) throw refused(`The description of run ${info.run}`, found);
  const path = join(dir, RUN_FILE);
  try {
    await replaceFile(path, `${JSON.stringify(info, null, 2)}\n`);
  } catch (error) {
    throw fileError('write', path, error);
  }
}
