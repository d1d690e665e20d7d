export function isEnough(version: string): boolean;
/** `asked`: a path that somebody named; it or nothing is taken. */
export function findNode(asked?: string): string | undefined;
/** Whether this Node, or Electron, runs TypeScript as it is. */
export function stripsTypes(path: string): boolean;
/** Where a Node may be; not every path is one. */
export function candidates(where?: { env?: NodeJS.ProcessEnv; home?: string; platform?: NodeJS.Platform; list?: (dir: string) => string[] }): string[];
