import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** With the folders above it. Node's own never ends where a folder is there and nothing can be made in it, such as /proc. */
export async function makeFolders(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    const above = dirname(folder);
    if (code !== 'ENOENT') throw error;
    if (await stat(above).then(() => true, () => false)) throw new Error(`nothing can be made in ${above}`, { cause: error });
    await makeFolders(above);
    await mkdir(folder).catch((again: NodeJS.ErrnoException) => {
      // Somebody else was faster.
      if (again.code !== 'EEXIST') throw again;
    });
  }
}
