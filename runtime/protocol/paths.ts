/** Paths of one file that are written alike, whoever told them. */
import { fileURLToPath } from 'node:url';

/** Windows takes the letter of a drive in either case: VS Code writes it small, Node as it was typed. What is kept or compared has it small. */
export function smallDrive(path: string, platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' && /^[A-Z]:/.test(path) ? path.charAt(0).toLowerCase() + path.slice(1) : path;
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
