/** The one way to a backbone: find it or start it, then call it. The CLI and the extension both stand on this. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_VERSION, type BackboneLine, type BackboneMethod, type BackboneRequests, type RunEvent } from '../protocol/backbone.ts';
import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import { onJsonLines, sendLine } from './lines.ts';
import { Location, type Address } from './location.ts';
import { killStamped } from './stamp.ts';
import { VERSION } from './version.ts';

/** How long a backbone that was asked to go may take. */
const SHUTDOWN_MS = 3_000;

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
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  private readonly listeners = new Map<string, Set<(event: RunEvent) => void>>();
  private readonly socket: Socket;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => {
      const gone = new TuningForkError('backbone', 'The backbone closed the connection.', { next: 'Run the command again; finished rollouts are kept.' });
      for (const { reject } of this.waiting.values()) reject(gone);
      this.waiting.clear();
      resolve();
    }));
    socket.on('error', () => {});
    onJsonLines(socket, (value) => this.receive(value as BackboneLine), () => socket.destroy());
  }

  static async open(address: Address, client: string): Promise<BackboneClient> {
    const socket = connect(address.socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const opened = new BackboneClient(socket);
    await opened.request('hello', { token: address.token, protocol: PROTOCOL_VERSION, client });
    return opened;
  }

  request<M extends BackboneMethod>(method: M, params: BackboneRequests[M][0]): Promise<BackboneRequests[M][1]> {
    if (this.socket.destroyed) return Promise.reject(new TuningForkError('backbone', 'The connection to the backbone is closed.'));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      sendLine(this.socket, { id, method, params });
    });
  }

  /** Events of a run from now on, and those still kept after `since` first. */
  async attach(run: string, onEvent: (event: RunEvent) => void, since?: number): Promise<BackboneRequests['attach'][1]> {
    const set = this.listeners.get(run) ?? new Set();
    this.listeners.set(run, set.add(onEvent));
    return this.request('attach', { run, since });
  }

  close(): void {
    this.socket.end();
  }

  private receive(line: BackboneLine): void {
    if ('event' in line) {
      for (const listener of this.listeners.get(line.event.run) ?? []) listener(line.event);
      return;
    }
    const waiting = this.waiting.get(line.id);
    this.waiting.delete(line.id);
    if ('error' in line) waiting?.reject(fromErrorInfo(line.error));
    else waiting?.resolve(line.result as never);
  }
}

export async function connectBackbone(options: ConnectOptions): Promise<BackboneClient | undefined> {
  const location = new Location(options.project);
  const deadline = Date.now() + (options.timeout ?? 20_000);
  let starting: Promise<void> | undefined;
  for (;;) {
    const address = location.read();
    if (address !== undefined) {
      const client = await BackboneClient.open(address, options.client).catch((error: Error) => {
        if (error instanceof TuningForkError) throw error;
        return undefined;
      });
      // A backbone of another version serves nobody new; it is asked to go, and does once its runs are over.
      if (client !== undefined && address.version === VERSION) return client;
      if (client !== undefined) {
        const status = await client.request('status', null);
        if (status.runs.some((run) => run.info.state === 'running')) {
          throw new TuningForkError('backbone', `A backbone of version ${address.version} is still running rollouts of this project.`, { next: 'Wait for it, or stop it with "tuning-fork stop".' });
        }
        await client.request('shutdown', { force: false }).catch(() => {});
        await Promise.race([client.closed, new Promise((resolve) => setTimeout(resolve, SHUTDOWN_MS))]);
        // It runs nothing and does not go: what is left of it stands in the way.
        killStamped(address.process);
      }
    }
    if (options.startIfAbsent === false) return undefined;
    starting ??= startBackbone(location, options);
    await Promise.race([starting, new Promise((resolve) => setTimeout(resolve, 100))]);
    if (Date.now() > deadline) {
      throw new TuningForkError('backbone', 'The backbone did not start in time.', { where: { file: location.log }, next: 'Its log says why.' });
    }
  }
}

/** Detached: it outlives whoever started it. Resolves when it listens. */
function startBackbone(location: Location, options: ConnectOptions): Promise<void> {
  const log = openSync(location.log, 'a', 0o600);
  const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(options.node ?? process.execPath, [entry, options.project], {
    detached: true, stdio: ['ignore', log, log, 'ipc'], windowsHide: true, env: cleanEnvironment(),
  });
  return new Promise((resolve, reject) => {
    child.once('message', () => { child.disconnect(); child.unref(); resolve(); });
    child.once('error', reject);
    child.once('exit', (code) => {
      // 3: somebody else's backbone holds the lock and is about to publish its address.
      if (code === 3) return resolve();
      reject(new TuningForkError('backbone', `The backbone ended at once (exit code ${code}).`, { where: { file: location.log }, next: 'Its log says why.' }));
    });
  });
}

/** What editors put into the environment of their children would reach Node here too. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, ELECTRON_RUN_AS_NODE: _electron, ...rest } = process.env;
  return rest;
}
