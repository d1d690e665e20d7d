// Which Node runs us. Plain JavaScript for old Nodes: this file is what finds a newer one.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/** Where a Node may be; not every path is one. An editor that was not started from a terminal knows little of PATH, so the usual places follow.
 * `.` and `node_modules/.bin` in PATH mean whatever folder one is in: a Node that lies in a project is not run before it is trusted. */
export function candidates({ env = process.env, home = homedir(), platform = process.platform, list = names } = {}) {
  const { delimiter, isAbsolute, join } = platform === 'win32' ? win32 : posix;
  const own = fileURLToPath(new URL('../../node_modules/node/bin/', import.meta.url));
  const path = (env.PATH ?? '').split(delimiter).map((dir) => dir.replace(/^"(.*)"$/, '$1')).filter(isAbsolute);
  const [managers, places] = platform === 'win32' ? onWindows(env, home) : onUnix(env, home, platform);
  const managed = managers.flatMap(([root, bin]) => list(root).sort(newestFirst).map((version) => join(root, version, bin)));
  return [own, ...path, ...managed, ...places].map((dir) => join(dir, platform === 'win32' ? 'node.exe' : 'node'));
}

/** Folders with one of each version, and where in it the program is; then folders with the program. */
function onUnix(env, home, platform) {
  const { join } = posix;
  const brewed = (root) => ['bin', 'opt/node/bin', 'opt/node@24/bin', 'opt/node@22/bin'].map((dir) => join(root, dir));
  const fnm = platform === 'darwin' ? 'Library/Application Support/fnm' : '.local/share/fnm';
  return [
    [
      [join(env.NVM_DIR ?? join(home, '.nvm'), 'versions/node'), 'bin'],
      [join(env.FNM_DIR ?? join(home, fnm), 'node-versions'), 'installation/bin'],
      [join(env.VOLTA_HOME ?? join(home, '.volta'), 'tools/image/node'), 'bin'],
      [join(env.ASDF_DATA_DIR ?? join(home, '.asdf'), 'installs/nodejs'), 'bin'],
      [join(env.MISE_DATA_DIR ?? join(home, '.local/share/mise'), 'installs/node'), 'bin'],
      [join(env.N_PREFIX ?? '/usr/local', 'n/versions/node'), 'bin'],
      [join(home, '.nodenv/versions'), 'bin'],
    ],
    [...brewed('/opt/homebrew'), ...brewed('/usr/local'), ...brewed('/home/linuxbrew/.linuxbrew'), '/opt/local/bin', '/usr/bin', '/snap/bin'],
  ];
}

function onWindows(env, home) {
  const { join } = win32;
  const roaming = env.APPDATA ?? join(home, 'AppData/Roaming');
  const local = env.LOCALAPPDATA ?? join(home, 'AppData/Local');
  return [
    [
      [env.NVM_HOME ?? join(roaming, 'nvm'), ''],
      [join(env.FNM_DIR ?? join(roaming, 'fnm'), 'node-versions'), 'installation'],
      [join(env.VOLTA_HOME ?? join(local, 'Volta'), 'tools/image/node'), ''],
      [join(env.MISE_DATA_DIR ?? join(local, 'mise'), 'installs/node'), ''],
    ],
    [join(env.ProgramFiles ?? 'C:\\Program Files', 'nodejs'), join(local, 'Programs/nodejs'), ...['nodejs', 'nodejs-lts'].map((app) => join(env.SCOOP ?? join(home, 'scoop'), 'apps', app, 'current'))],
  ];
}

function names(dir) {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** 24 before 9. */
function newestFirst(a, b) {
  return b.localeCompare(a, 'en', { numeric: true });
}
