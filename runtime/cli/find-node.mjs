// Which Node runs us. Plain JavaScript for old Nodes: this file is what finds a newer one.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const executable = process.platform === 'win32' ? 'node.exe' : 'node';

/** Type stripping is what we need; it is on by default from 22.18 on. */
export function isEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** The first Node that is new enough: the one asked for, this one, our own dependency, PATH, version managers, an editor's own. */
export function findNode(asked = process.env.TUNING_FORK_NODE) {
  if (asked !== undefined && asked !== '') return works(asked) ? asked : undefined;
  if (isEnough(process.version) && process.versions.electron === undefined) return process.execPath;
  return candidates().find((path) => existsSync(path) && works(path)) ?? (process.versions.electron !== undefined && stripsTypes(process.execPath) ? process.execPath : undefined);
}

/** Electron is a Node too where it is asked to be, but not every build of it has all of Node. */
export function stripsTypes(path) {
  try {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    return /strip|transform/.test(execFileSync(path, ['-p', 'process.features.typescript'], { encoding: 'utf8', timeout: 5_000, windowsHide: true, env, stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return false;
  }
}

function works(path) {
  try {
    return isEnough(execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000, windowsHide: true, stdio: ['ignore', 'pipe', 'ignore'] }).trim());
  } catch {
    return false;
  }
}

/** Where a Node may be; not every path is one. */
export function candidates() {
  const own = fileURLToPath(new URL('../../node_modules/node/bin/', import.meta.url));
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const managers = [
    [join(process.env.NVM_DIR ?? join(homedir(), '.nvm'), 'versions/node'), 'bin'],
    [join(process.env.FNM_DIR ?? join(homedir(), '.local/share/fnm'), 'node-versions'), 'installation/bin'],
    [join(process.env.VOLTA_HOME ?? join(homedir(), '.volta'), 'tools/image/node'), 'bin'],
    [join(homedir(), '.asdf/installs/nodejs'), 'bin'],
    [join(homedir(), '.local/share/mise/installs/node'), 'bin'],
  ].flatMap(([root, bin]) => (existsSync(root) ? readdirSync(root).sort().reverse().map((version) => join(root, version, bin)) : []));
  return [own, ...path, ...managers].map((dir) => join(dir, executable));
}
