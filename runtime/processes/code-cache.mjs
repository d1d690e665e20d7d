// Where the compiled code of our processes is kept, so that the next ones start sooner. Plain JavaScript for old Nodes: the command begins with it.
import { lstatSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of this user. Node's own choice is one in the temporary folder that all users of a machine share: whoever makes it first could put
 * there what others then run. Undefined: it is somebody else's.
 */
export function codeCache() {
  if (process.getuid === undefined) return join(tmpdir(), 'node-compile-cache');
  const own = join(tmpdir(), `tuning-fork-${process.getuid()}`);
  try {
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const found = lstatSync(own);
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0 ? join(own, 'code') : undefined;
  } catch {
    return undefined;
  }
}

/** From now on, for this process. */
export function keepCompiledCode() {
  const folder = process.env.NODE_COMPILE_CACHE ?? codeCache();
  if (folder !== undefined) module.enableCompileCache?.(folder);
}
