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

/** Windows refuses to replace a file that somebody reads just now. */
async function patientRename(from: string, to: string): Promise<void> {
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
