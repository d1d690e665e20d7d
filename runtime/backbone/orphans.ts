import { isStill, killStamped } from '../processes/stamp.ts';
import { readRunInfo, runFolders } from '../trace/index.ts';
import { openRun } from '../trace/writer.ts';

const looked = new Map<string, Promise<void>>();

/**
 * A backbone that was killed leaves runs that say "running" and may leave workers: both are put right, and nothing else is touched.
 * A folder of runs is looked at once, when this process first has to do with it.
 */
export function endOrphans(root: string): Promise<void> {
  let looking = looked.get(root);
  if (looking === undefined) {
    looking = runFolders(root).then(async (dirs) => {
      for (const dir of dirs) await endOrphan(dir).catch((error: unknown) => console.error(`${dir} was left as it is:`, error));
    });
    looked.set(root, looking);
  }
  return looking;
}

async function endOrphan(dir: string): Promise<void> {
  const info = await readRunInfo(dir).catch(() => undefined);
  if (info === undefined || info.state !== 'running' || (info.backbone !== undefined && isStill(info.backbone))) return;
  for (const worker of info.workers ?? []) killStamped(worker);
  const writer = await openRun(dir);
  await writer.updateRun({
    state: 'failed', finished: new Date().toISOString(), workers: [],
    error: { code: 'backbone', message: 'The backbone died while the run was under way.', next: 'Finished rollouts are kept; run the command again for the others.' },
  });
  await writer.close();
}
