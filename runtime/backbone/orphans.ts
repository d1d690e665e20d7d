import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunInfo } from '../protocol/trace.ts';
import { readRunInfo } from '../trace/index.ts';
import { openRun } from '../trace/writer.ts';
import { isAlive, killStamped } from './stamp.ts';

/** A backbone that was killed leaves runs that say "running" and may leave workers: both are put right, and nothing else is touched. */
export async function endOrphans(root: string): Promise<RunInfo[]> {
  const ended: RunInfo[] = [];
  for (const dir of await runFolders(root)) {
    const info = await readRunInfo(dir).catch(() => undefined);
    if (info === undefined || info.state !== 'running' || (info.backbone !== undefined && isAlive(info.backbone))) continue;
    for (const worker of info.workers ?? []) killStamped(worker);
    const writer = await openRun(dir);
    await writer.updateRun({
      state: 'failed', finished: new Date().toISOString(), workers: [],
      error: { code: 'backbone', message: 'The backbone died while the run was under way.', next: 'Finished rollouts are kept; run the command again for the others.' },
    });
    await writer.close();
    ended.push(writer.info);
  }
  return ended;
}

async function runFolders(root: string): Promise<string[]> {
  let level = [root];
  for (let depth = 0; depth < 3; depth++) {
    const below = await Promise.all(level.map(async (dir) => {
      const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name));
    }));
    level = below.flat();
  }
  return level;
}
