/** The one way to a backbone: find it or start it, then call it. The CLI and the extension both stand on this. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../processes/environment.ts';
import { killStamped } from '../processes/stamp.ts';
import { PROTOCOL_VERSION, type BackboneLine, type BackboneMethod, type BackboneRequests, type RunEvent } from '../protocol/backbone.ts';
import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import { realPath, smallDrive } from '../protocol/paths.ts';
import { onJsonLines, sendLine } from './lines.ts';
import { Location, type Address } from './location.ts';
import { VERSION } from './version.ts';

/** How long a backbone may take to say hello, and one that was asked to go to be gone. */
const HELLO_MS = 5_000;
const SHUTDOWN_MS = 3_000;
const POLL_MS = 50;
/** Exit code of a backbone that found the project taken by another. */
export const LOCKED = 3;

export interface ConnectOptions {
  project: string;
  /** Who is calling, for the backbone's log. */
  client: string;
  /** Milliseconds to wait for a new backbone. */
  timeout?: number;
  /** Node to run a new backbone with. */
  node?: string;
  /** Only find a running one; undefined when there is none. */
  startIfAbsent?: boolean;
}

export class BackboneClient {
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  readonly #listeners = new Map<string, Set<(event: RunEvent) => void>>();
  readonly #socket: Socket;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => {
      const gone = new TuningForkError('backbone', 'The backbone closed the connection.', { next: 'Run the command again; finished rollouts are kept.' });
      for (const { reject } of this.#waiting.values()) reject(gone);
      this.#waiting.clear();
      resolve();
    }));
    socket.on('error', () => {});
    onJsonLines(socket, (value) => this.#receive(value as BackboneLine), () => socket.destroy());
  }

  static async open(address: Address, client: string, patience = HELLO_MS): Promise<BackboneClient> {
    const socket = connect(address.socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const opened = new BackboneClient(socket);
    // A stopped process still takes connections.
    const timer = setTimeout(() => socket.destroy(), patience);
    try {
      await opened.request('hello', { token: address.token, protocol: PROTOCOL_VERSION, client });
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return opened;
  }

  request<M extends BackboneMethod>(method: M, params: BackboneRequests[M][0]): Promise<BackboneRequests[M][1]> {
    if (this.#socket.destroyed) return Promise.reject(new TuningForkError('backbone', 'The connection to the backbone is closed.'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      sendLine(this.#socket, { id, method, params });
    });
  }

  /** Events of a run from now on, and those still kept after `since` first. */
  async attach(run: string, onEvent: (event: RunEvent) => void, since?: number): Promise<BackboneRequests['attach'][1]> {
    const set = this.#listeners.get(run) ?? new Set();
    this.#listeners.set(run, set.add(onEvent));
    return this.request('attach', { run, since });
  }

  close(): void {
    this.#socket.end();
  }

  #receive(line: BackboneLine): void {
    if ('event' in line) {
      for (const listener of this.#listeners.get(line.event.run) ?? []) listener(line.event);
      return;
    }
    const waiting = this.#waiting.get(line.id);
    this.#waiting.delete(line.id);
    if ('error' in line) waiting?.reject(fromErrorInfo(line.error));
    else waiting?.resolve(line.result as never);
  }
}

export async function connectBackbone(options: ConnectOptions): Promise<BackboneClient | undefined> {
  const project = realPath(options.project);
  const location = new Location(project);
  const deadline = Date.now() + (options.timeout ?? 20_000);
  let starting: Promise<Started> | undefined;
  for (;;) {
    const address = location.read();
    const client = address === undefined ? undefined : await greet(address, options.client, Math.min(HELLO_MS, deadline - Date.now()));
    if (client !== undefined && address!.version === VERSION) return client;
    if (client !== undefined) await dismiss(client, address!);
    if (options.startIfAbsent === false) return undefined;
    if (Date.now() > deadline) throw unreachable(location);
    if (starting === undefined && location.holder() === undefined) starting = startBackbone(location, project, options.node);
    const started = await Promise.race([starting, sleep(POLL_MS)]);
    // Somebody else's backbone holds the lock and is about to publish its address; or it dies, and another one is needed.
    if (started === 'locked') await sleep(POLL_MS);
    if (started !== undefined) starting = undefined;
  }
}

/** Undefined where nobody answers, or somebody who is about to go. */
async function greet(address: Address, client: string, patience: number): Promise<BackboneClient | undefined> {
  try {
    return await BackboneClient.open(address, client, patience);
  } catch (error) {
    if (error instanceof TuningForkError && error.code !== 'backbone') throw error;
    return undefined;
  }
}

/** A backbone of another version serves nobody new: it is asked to go, unless it still runs something. */
async function dismiss(client: BackboneClient, { version, process }: Address): Promise<void> {
  const tooLong = sleep(SHUTDOWN_MS);
  const status = await Promise.race([client.request('status', null), tooLong]);
  if (status?.runs.some((run) => run.info.state === 'running')) {
    client.close();
    throw new TuningForkError('backbone', `A backbone of version ${version} is still running rollouts of this project.`, { next: 'Wait for it, or stop it with "tuning-fork stop".' });
  }
  client.request('shutdown', { force: false }).catch(() => {});
  await Promise.race([client.closed, tooLong]);
  // It runs nothing and does not go: what is left of it stands in the way.
  killStamped(process);
}

function unreachable(location: Location): TuningForkError {
  const holder = location.holder();
  return holder === undefined
    ? new TuningForkError('backbone', 'The backbone did not start in time.', { where: { file: location.log }, next: 'Its log says why.' })
    : new TuningForkError('backbone', `The backbone of this project (process ${holder.pid}) does not answer.`, { where: { file: location.log }, next: 'Its log may say why. End that process, then run the command again.' });
}

type Started = 'listening' | 'locked';

/** Detached: it outlives whoever started it. */
function startBackbone(location: Location, project: string, node = process.execPath): Promise<Started> {
  const log = openSync(location.log, 'a', 0o600);
  // As it will name user code: what both import is one module then.
  const entry = smallDrive(fileURLToPath(new URL('./main.ts', import.meta.url)));
  const child = spawn(node, [entry, project, VERSION], {
    // Not in the project: Windows lets nobody rename or delete a folder that a process is in.
    cwd: parse(project).root, detached: true, stdio: ['ignore', log, log, 'ipc'], windowsHide: true, env: cleanEnvironment(node),
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.once('message', () => { child.disconnect(); child.unref(); resolve('listening'); });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === LOCKED) return resolve('locked');
      reject(new TuningForkError('backbone', `The backbone ended at once (exit code ${code}).`, { where: { file: location.log }, next: 'Its log says why.' }));
    });
  });
}
