/** The door for clients: JSON lines over a local socket, nothing before the token was shown. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { PROTOCOL_VERSION, type BackboneMethod, type BackboneRequests, type ClientLine, type RunEvent } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError } from '../protocol/errors.ts';
import { checkParams, isMethod } from '../protocol/requests.ts';
import type { Backbone } from './backbone.ts';
import { onJsonLines, sendLine } from './lines.ts';
import type { BaseRun } from './base-run.ts';
import { listTasks } from './tasks.ts';

/** A client that doesn't read must not fill our memory; calls, progress and output are dropped for it first. */
const SLOW_CLIENT_BYTES = 8 * 1024 * 1024;
/** Whoever connects and doesn't say hello is no client. */
const HELLO_MS = 5_000;

interface ServerOptions {
  token: string;
  onClients(count: number): void;
}

export function listen(backbone: Backbone, path: string, options: ServerOptions): Promise<Server> {
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const patience = setTimeout(() => socket.destroy(), HELLO_MS);
    const connection = new Connection(backbone, socket, {
      token: options.token,
      onKnown: () => {
        clearTimeout(patience);
        options.onClients(clients.add(socket).size);
      },
      countClients: () => clients.size,
    });
    socket.once('close', () => {
      clearTimeout(patience);
      connection.end();
      if (clients.delete(socket)) options.onClients(clients.size);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

/** What says no more than that it is done says nothing. */
type Answer<M extends BackboneMethod> = BackboneRequests[M][1] extends null ? void : BackboneRequests[M][1];

interface ConnectionOptions {
  token: string;
  onKnown(): void;
  countClients(): number;
}

class Connection {
  #known = false;
  readonly #subscriptions = new Map<string, () => void>();
  readonly #backbone: Backbone;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;

  constructor(backbone: Backbone, socket: Socket, options: ConnectionOptions) {
    this.#backbone = backbone;
    this.#socket = socket;
    this.#options = options;
    onJsonLines(socket, (value) => void this.#receive(value), (reason) => sendLine(socket, { id: 0, error: { code: 'protocol', message: reason } }));
  }

  end(): void {
    for (const unsubscribe of this.#subscriptions.values()) unsubscribe();
    this.#subscriptions.clear();
  }

  async #receive(value: unknown): Promise<void> {
    const line = value as Partial<ClientLine> | null;
    if (typeof line !== 'object' || line === null || typeof line.id !== 'number' || typeof line.method !== 'string') {
      return sendLine(this.#socket, { id: 0, error: { code: 'protocol', message: 'A request is {"id": number, "method": string, "params": …}.' } });
    }
    try {
      const result = await this.#answer(line.method, line.params);
      sendLine(this.#socket, { id: line.id, result: result ?? null });
    } catch (error) {
      sendLine(this.#socket, { id: line.id, error: errorInfo(error) });
      if (!this.#known) this.#socket.end();
    }
  }

  #answer(method: string, params: unknown): unknown {
    if (!this.#known && method !== 'hello') throw new TuningForkError('auth', 'The first request must be "hello" with the token.');
    if (!isMethod(method)) throw new TuningForkError('protocol', `There is no request "${method}".`);
    return this.#handlers[method](checkParams(method, params) as never);
  }

  readonly #handlers: { [M in BackboneMethod]: (params: BackboneRequests[M][0]) => Answer<M> | Promise<Answer<M>> } = {
    hello: ({ token, protocol }) => {
      if (!sameText(token, this.#options.token)) throw new TuningForkError('auth', 'The token is wrong.');
      if (protocol !== PROTOCOL_VERSION) {
        throw new TuningForkError('protocol', `This backbone speaks protocol ${PROTOCOL_VERSION}, the client ${protocol}.`, { next: 'Use the same version of Tuning Fork for both.' });
      }
      if (this.#backbone.stopping) throw new TuningForkError('backbone', 'The backbone is shutting down.', { next: 'Run the command again.' });
      if (!this.#known) this.#options.onKnown();
      this.#known = true;
      return this.#backbone.identity();
    },
    start: (request) => this.#backbone.start(request),
    attach: ({ run, since }) => {
      const found = this.#backbone.run(run);
      this.#subscribe(found, since ?? 0);
      return found.status();
    },
    detach: ({ run }) => {
      this.#subscriptions.get(run)?.();
      this.#subscriptions.delete(run);
    },
    cancel: ({ run, rollout }) => this.#backbone.run(run).cancel(rollout),
    status: () => this.#backbone.status(this.#options.countClients()),
    hold: ({ run, rollout }) => this.#backbone.run(run).hold(rollout),
    setStops: ({ run, stops }) => this.#backbone.run(run).setStops(stops),
    stopped: ({ run, rollout }) => this.#backbone.run(run).stopped(rollout),
    release: ({ run, rollout, decision, step }) => this.#backbone.run(run).release(rollout, decision, step),
    pause: ({ run }) => this.#backbone.run(run).pause(true),
    resume: ({ run }) => this.#backbone.run(run).pause(false),
    tasks: (request) => listTasks(request),
    checkpoint: ({ run }) => this.#backbone.run(run).checkpoint(),
    score: (request) => this.#backbone.scorer.score(request),
    shutdown: ({ force }) => this.#backbone.shutdown(force),
  };

  /** The answer goes out before the events, so that a client can draw its frame first. */
  #subscribe(run: BaseRun, since: number): void {
    this.#subscriptions.get(run.id)?.();
    let unsubscribe = (): void => clearImmediate(soon);
    const soon = setImmediate(() => void (unsubscribe = run.subscribe((event) => this.#tell(event), since)));
    this.#subscriptions.set(run.id, () => unsubscribe());
  }

  #tell(event: RunEvent): void {
    const droppable = event.type === 'call' || event.type === 'progress' || event.type === 'log';
    if (droppable && this.#socket.writableLength > SLOW_CLIENT_BYTES) return;
    sendLine(this.#socket, { event });
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
