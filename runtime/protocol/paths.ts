/** Paths of one file that are written alike, whoever told them. */
import { realpathSync } from 'node:fs';
import { parse } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Windows takes the letter of a drive in either case: VS Code writes it small, Node as it was typed. What is kept or compared has it small. */
export function smallDrive(path: string, platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' && /^[A-Z]:/.test(path) ? path.charAt(0).toLowerCase() + path.slice(1) : path;
}

/**
 * The one name of what is there: links followed, letters as on the disk, where a system takes both. What is behind a drive that stands for
 * a folder or for a share keeps that drive: whatever is opened there is named with it.
 */
export function realPath(path: string): string {
  const followed = realpathSync(path);
  const told = realpathSync.native(path);
  return smallDrive(parse(told).root.toLowerCase() === parse(followed).root.toLowerCase() ? told : followed);
}

/** `new URL('config.yaml', import.meta.url).pathname` has a slash before the drive. */
export function withoutSlash(path: string, platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' ? path.replace(/^\/(?=[A-Za-z]:)/, '') : path;
}

/** Stacks name modules by their addresses; people and editors know them by their paths. */
export function withPaths(stack: string, platform: NodeJS.Platform = process.platform): string {
  return stack.replace(/file:\/\/\S*?(?=:\d+(?::\d+)?\)?$)/gm, (url) => {
    try {
      return smallDrive(fileURLToPath(url, { windows: platform === 'win32' }), platform);
    } catch {
      return url;
    }
  });
}
