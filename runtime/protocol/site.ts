import type { Place } from './errors.ts';

/** Request header in which the SDK names the line of user code that made a model call. */
export const SITE_HEADER = 'x-tuning-fork-site';

/** Header values are ASCII, paths are not. */
export function encodeSite(site: Place): string {
  return `${encodeURI(site.file)}:${site.line ?? 1}:${site.column ?? 1}`;
}

/** Undefined for anything that `encodeSite` did not write: the header comes from outside. */
export function decodeSite(header: string): Place | undefined {
  const match = /^(.+):(\d+):(\d+)$/.exec(header);
  if (match === null) return undefined;
  try {
    return { file: decodeURI(match[1]!), line: Number(match[2]), column: Number(match[3]) };
  } catch {
    return undefined;
  }
}
