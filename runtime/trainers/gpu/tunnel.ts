/** A port of this machine that is a port of another one, by the `ssh` a person has set up already: keys, agents, jump hosts and names are its business. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startedStamp } from '../../processes/stamp.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { ProcessStamp } from '../../protocol/trace.ts';

const OPEN_MS = 30_000;
const TRY_MS = 100;
/** Nobody sits at it who could type a password. A host comes after `--`: the setting and the environment may name one that looks like an option. */
const OPTIONS = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4'];
/** The exit code of ssh itself; others are of what it ran there. */
const NOT_CONNECTED = 255;
const NO_SSH = 'there is no program "ssh" on this machine';
const run = promisify(execFile);
/** In the table of Linux. */
const LISTENS = '0A';

export interface Tunnel {
  /** Of this end. */
  port: number;
  stamp: ProcessStamp;
  /** Resolves with what ssh said when it is gone. */
  closed: Promise<string>;
  close(): void;
}

export async function openTunnel(host: string, to: { host: string; port: number }): Promise<Tunnel> {
  const port = await freePort();
  const child = spawn('ssh', ['-N', '-o', 'ExitOnForwardFailure=yes', ...OPTIONS, '-L', `127.0.0.1:${port}:${to.host}:${to.port}`, '--', host], { stdio: ['ignore', 'ignore', 'pipe'], windowsHide: true });
  const stamp = startedStamp(child);
  const closed = watch(child);
  let gone: string | undefined;
  void closed.then((told) => void (gone = told));
  for (const deadline = performance.now() + OPEN_MS; performance.now() < deadline; await sleep(TRY_MS)) {
    if (gone !== undefined) throw failed(host, gone);
    if (await reaches(port) && await isOwn(port)) return { port, closed, stamp, close: () => void child.kill() };
  }
  child.kill();
  throw failed(host, `no connection within ${OPEN_MS / 1_000} seconds`);
}

/**
 * Whether it is this user who listens there. Until ssh does, the port is free, and its words tell everybody on this machine which one it will
 * be: somebody else could take it, and would be sent the token. Where the system does not tell, it is believed.
 */
export async function isOwn(port: number, uid: number | undefined = process.getuid?.()): Promise<boolean> {
  const table = await readFile('/proc/net/tcp', 'utf8').catch(() => undefined);
  if (table === undefined || uid === undefined) return true;
  const there = new RegExp(`^(?:0100007F|7F000001):${port.toString(16).padStart(4, '0')}$`, 'i');
  return table.split('\n').some((line) => {
    const [, local = '', , state, , , , owner] = line.trim().split(/\s+/);
    return state === LISTENS && there.test(local) && Number(owner) === uid;
  });
}

/** A small file of that machine. */
export async function readOver(host: string, path: string): Promise<string> {
  try {
    // The shell there expands ~; quotes would keep it from that, so only what needs none is let through.
    if (!/^[\w./~@+=-]+$/.test(path)) throw new Error(`${path} has characters that are not passed on`);
    const { stdout } = await run('ssh', [...OPTIONS, '--', host, 'cat', path], { timeout: OPEN_MS, windowsHide: true });
    return stdout.trim();
  } catch (cause) {
    const { stderr = '', message, code } = cause as { stderr?: string; message: string; code?: unknown };
    if (code === NOT_CONNECTED || code === 'ENOENT') throw failed(host, code === 'ENOENT' ? NO_SSH : stderr);
    throw new TuningForkError('trainer', `The token of the GPU runtime could not be read from ${path} on ${host}: ${(stderr.trim().split('\n').at(-1) || message.split('\n')[0]!).replace(/\.$/, '')}.`, {
      next: 'Start "tuning-fork gpu serve" there, name its file at gpu.token_file, or give the token in TUNING_FORK_GPU_TOKEN.',
    });
  }
}

function watch(child: ChildProcess): Promise<string> {
  let told = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => void (told = (told + text).slice(-2_000)));
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? NO_SSH : error.message));
    child.once('close', (code) => resolve(told.trim() || `exit code ${code}`));
  });
}

function failed(host: string, told: string): TuningForkError {
  return new TuningForkError('trainer', `ssh does not reach ${host}. It said: ${told.trim().split('\n').at(-1) || 'nothing'}`, { next: `Try "ssh ${host}" in a terminal: it must connect without asking for anything.` });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function reaches(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
