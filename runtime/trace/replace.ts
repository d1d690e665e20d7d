import { open, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever reads it sees the file of before or the one of now, whenever the process or the machine stops. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await patientRename(temporary, path);
}

const MOST_TRIES = 30;

/** Windows refuses to replace a file that somebody reads just now, and to move a folder with such a file: a scanner of viruses looks at every new one. */
export async function patientRename(from: string, to: string, move = rename, platform: NodeJS.Platform = process.platform): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await move(from, to);
    } catch (error) {
      if (!isInUse(error, platform) || tries >= MOST_TRIES) throw error;
      await sleep(Math.min(10 * tries, 100));
    }
  }
}

/** What Windows says of a file that somebody has open; of one that nobody may touch it says the same. */
export function isInUse(error: unknown, platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'win32' && ['EPERM', 'EACCES', 'EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '');
}
