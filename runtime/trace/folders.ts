import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** With the folders above it. Node's own never ends where a folder is there and nothing can be made in it, such as /proc. */
export async function makeFolders(path: string): Promise<void> {
  const folder = resolve(path);
  if (await made(folder)) return;
  const above = dirname(folder);
  await makeFolders(above);
  if (!await made(folder)) throw new Error(`nothing can be made in ${above}`);
}

/** False where the one above is missing. Somebody else may be making the same ones. */
async function made(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return true;
    throw error;
  }
}
