export function isEnough(version: string): boolean;
/** `asked`: a path that somebody named; it or nothing is taken. */
export function findNode(asked?: string): string | undefined;
