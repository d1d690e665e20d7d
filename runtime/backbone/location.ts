/** Where the backbone of a project listens, and the lock that lets only one be there. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isAlive, isStill, stampOf } from '../processes/stamp.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { realPath } from '../protocol/paths.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import { isInUse } from '../trace/replace.ts';

/** What macOS takes; Linux takes four more. */
const LONGEST_SOCKET = 103;
const ADDRESS = 'backbone.json';
/** Clients that wait read the address many times a second, and on Windows it can't be replaced just then. */
const MOST_TRIES = 50;
const TRY_MS = 20;

export interface Address {
  socket: string;
  token: string;
  version: string;
  process: ProcessStamp;
}

/** The folder a person means by "this project": the nearest one upwards with a package.json or a .git. */
export function projectFolder(from: string): string {
  const real = realPath(from);
  for (let dir = real; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json')) || existsSync(join(dir, '.git'))) return dir;
    if (dirname(dir) === dir) return real;
  }
}

/** Whether one listens, or has listened and was killed. Looks only: nothing is made or asked. */
export function hasBackbone(project: string): boolean {
  return existsSync(join(folderOf(project), ADDRESS));
}

function folderOf(project: string): string {
  // The path must stay short, so the project is named by a few letters of a hash.
  return join(process.env.TUNING_FORK_RUNTIME_DIR ? resolve(process.env.TUNING_FORK_RUNTIME_DIR) : ownFolder(), createHash('sha256').update(project).digest('hex').slice(0, 12));
}

/** In the temporary folder; where that lies too deep, as some environments have it, in the one that every Unix has. */
function ownFolder(): string {
  if (process.getuid === undefined) return join(tmpdir(), `tuning-fork-${userInfo().username.replace(/[^\w-]/g, '_')}`);
  const name = `tuning-fork-${process.getuid()}`;
  return isTooDeep(join(tmpdir(), name)) ? join('/tmp', name) : join(tmpdir(), name);
}

function isTooDeep(base: string): boolean {
  return process.platform !== 'win32' && Buffer.byteLength(join(base, '0123456789ab', '00000000.sock')) > LONGEST_SOCKET;
}

export class Location {
  readonly dir: string;
  readonly #addressFile: string;
  readonly #lockFile: string;

  constructor(project: string) {
    this.dir = folderOf(project);
    const base = dirname(this.dir);
    this.#addressFile = join(this.dir, ADDRESS);
    this.#lockFile = join(this.dir, 'lock');
    if (isTooDeep(base)) {
      throw new TuningForkError('backbone', `${base} is too long a path for a socket.`, { next: 'Set TUNING_FORK_RUNTIME_DIR to a short one of your own.' });
    }
    privateFolder(base);
    privateFolder(this.dir);
  }

  get log(): string {
    return join(this.dir, 'backbone.log');
  }

  newSocket(): string {
    const name = randomBytes(4).toString('hex');
    return process.platform === 'win32' ? `\\\\.\\pipe\\tuning-fork-${name}` : join(this.dir, `${name}.sock`);
  }

  /** The living backbone of this project, if there is one. A file left by a dead one is no address. */
  read(): Address | undefined {
    try {
      const address = JSON.parse(readFileSync(this.#addressFile, 'utf8')) as Address;
      return isAlive(address.process) ? address : undefined;
    } catch {
      return undefined;
    }
  }

  publish(address: Address): void {
    const temporary = `${this.#addressFile}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(address), { mode: 0o600 });
    for (let tries = 1;; tries++) {
      try {
        return renameSync(temporary, this.#addressFile);
      } catch (error) {
        if (!isInUse(error) || tries >= MOST_TRIES) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_MS);
      }
    }
  }

  /** True when this process now holds the project. A lock of a dead process is taken over. */
  lock(): boolean {
    const mine = `${this.#lockFile}.${process.pid}`;
    // Written first and then linked: a lock that can be seen says whose it is.
    writeFileSync(mine, JSON.stringify(stampOf(process.pid)), { mode: 0o600 });
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        if (linked(mine, this.#lockFile)) {
          this.#removeDeadSockets();
          return true;
        }
        if (this.holder() !== undefined) return false;
        this.#removeStaleLock(mine);
      }
      return false;
    } finally {
      rmSync(mine, { force: true });
    }
  }

  /** The living process that holds the project. */
  holder(): ProcessStamp | undefined {
    return livingHolder(this.#lockFile);
  }

  /** Only what is this process's own: the lock may have gone to another meanwhile. */
  release(socket: string): void {
    if (this.holder()?.pid === process.pid) for (const file of [this.#addressFile, this.#lockFile]) rmSync(file, { force: true });
    if (process.platform !== 'win32') rmSync(socket, { force: true });
  }

  /** One process at a time: else the slower of two that both found it stale removes the quicker one's new lock. */
  #removeStaleLock(mine: string): void {
    const turn = `${this.#lockFile}.turn`;
    if (linked(mine, turn)) {
      if (this.holder() === undefined) rmSync(this.#lockFile, { force: true });
      rmSync(turn, { force: true });
    } else if (livingHolder(turn) === undefined) {
      rmSync(turn, { force: true });
    }
  }

  #removeDeadSockets(): void {
    for (const name of readdirSync(this.dir)) if (name.endsWith('.sock')) rmSync(join(this.dir, name), { force: true });
  }
}

/** False where there is such a file already. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    // On Windows a file that was deleted while somebody read it is in the way until they have.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' || isInUse(error)) return false;
    throw error;
  }
}

function livingHolder(lockFile: string): ProcessStamp | undefined {
  try {
    const stamp = JSON.parse(readFileSync(lockFile, 'utf8')) as ProcessStamp;
    return isStill(stamp) ? stamp : undefined;
  } catch {
    return undefined;
  }
}

/** On a shared machine nobody else may own or read this folder: the token lies in it. */
function privateFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return;
  const stat = lstatSync(dir);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new TuningForkError('backbone', `${dir} belongs to somebody else.`, { next: 'Set TUNING_FORK_RUNTIME_DIR to a folder of your own.' });
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(dir, 0o700);
}
