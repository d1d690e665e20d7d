/** A rollout server of Osmosis' protocol (`tuning-fork/osmosis/server`): a controller that owns the model asks, this runs, calls back. */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { TuningForkError } from '../../../protocol/errors.ts';
import type { LocalBackend } from './backend.ts';
import { cancelRequest, initRequest } from './protocol.ts';
import { Rollouts } from './rollouts.ts';

export { LocalBackend, type LocalBackendOptions } from './backend.ts';

export interface RolloutServerOptions {
  backend: LocalBackend;
  /** 127.0.0.1 unless told. Any other needs a key. */
  host?: string;
  /** `_OSMOSIS_ROLLOUT_PORT`, else 8000. */
  port?: number;
  /** Asked for as a bearer token on every call. */
  apiKey?: string;
  /** Of a rollout whose end could not be told. */
  onLost?: (error: Error) => void;
  /** Milliseconds before a callback is tried a second time. */
  firstWait?: number;
}

export interface RolloutServer {
  url: string;
  /** Takes no more, gives what runs ten seconds, cancels the rest; who is to be told of that has ten more. */
  close(): Promise<void>;
}

const LARGEST_BODY = 16 * 1024 * 1024;
const DRAIN_MS = 10_000;
const RETRY_AFTER_S = 5;

export async function createRolloutServer({ backend, host = '127.0.0.1', port = Number(process.env['_OSMOSIS_ROLLOUT_PORT'] ?? 8000), apiKey, onLost = (error) => console.error(error.message), firstWait }: RolloutServerOptions): Promise<RolloutServer> {
  if (apiKey === undefined && !['127.0.0.1', '::1', 'localhost'].includes(host)) {
    throw new TuningForkError('usage', `A rollout server on ${host} can be reached by others, so it needs an apiKey.`, { next: 'Give createRolloutServer an apiKey, or leave host out.' });
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TuningForkError('usage', `${port} is no port.`, { next: 'Give createRolloutServer a port from 0 to 65535, or correct _OSMOSIS_ROLLOUT_PORT.' });
  }
  const rollouts = new Rollouts(backend, onLost, firstWait);
  const instance = randomUUID();
  let closing = false;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pathname = pathOf(request.url ?? '/');
    if (pathname === undefined) return refuse(response, 400, 'This is not a path.');
    // A page in a browser has no business here, whatever it found out; without a key, one whose name was re-bound to this address is told by that name.
    if (request.headers.origin !== undefined || (apiKey === undefined && !/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(request.headers.host ?? ''))) return refuse(response, 403, 'Browsers are not answered.');
    if (apiKey !== undefined && !isKey(request.headers.authorization, apiKey)) return refuse(response, 401, 'The bearer token is missing or wrong.');
    const status = /^\/rollout\/(.+)\/status$/s.exec(pathname)?.[1];
    if (request.method === 'GET' && pathname === '/health') return send(response, 200, { status: 'ok', instance_id: instance, concurrency: backend.concurrency });
    if (request.method === 'GET' && status !== undefined) return send(response, 200, rollouts.get(status));
    if (request.method !== 'POST' || (pathname !== '/rollout' && pathname !== '/rollout/cancel')) return refuse(response, 404, `There is no ${request.method} ${pathname}.`);
    const body = await read(request, response);
    if (body === undefined) return;
    if (pathname === '/rollout/cancel') {
      const wanted = cancelRequest.safeParse(body);
      if (!wanted.success) return refuse(response, 422, sentence(wanted.error.issues[0]!));
      return send(response, 200, { dispositions: rollouts.cancel(wanted.data) });
    }
    const wanted = initRequest.safeParse(body);
    if (!wanted.success) return refuse(response, 422, sentence(wanted.error.issues[0]!));
    const id = wanted.data.rollout_id ?? randomUUID();
    if (rollouts.has(id)) return refuse(response, 409, `The rollout ${id} is known already.`);
    if (closing || !backend.hasCapacity()) {
      response.setHeader('retry-after', String(RETRY_AFTER_S));
      return refuse(response, 429, closing ? 'The server is closing.' : 'All places are taken.');
    }
    rollouts.start(id, wanted.data);
    send(response, 202, {});
  };

  const server = createServer((request, response) => {
    // Only what is nested without end is too much for the stack.
    answer(request, response).catch((error: unknown) => (error instanceof RangeError ? refuse(response, 422, 'The body is nested too deeply.') : refuse(response, 500, (error as Error).message)));
  });
  await new Promise<void>((resolve, reject) => void server.once('error', (error) => reject(notListening(error, host, port))).listen(port, host, resolve));
  const address = server.address() as { port: number };
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    async close() {
      closing = true;
      await rollouts.drain(DRAIN_MS);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function notListening(error: NodeJS.ErrnoException, host: string, port: number): TuningForkError {
  const message = error.code === 'EADDRINUSE' ? `Port ${port} on ${host} is taken.` : `The rollout server can't listen on ${host}:${port}: ${error.message}`;
  return new TuningForkError('usage', message, { next: 'Give createRolloutServer another port (0 takes a free one), or set _OSMOSIS_ROLLOUT_PORT.' });
}

/** Decoded: an id may hold anything. */
function pathOf(url: string): string | undefined {
  try {
    return decodeURIComponent(url.replace(/^https?:\/\/[^/]*|[?#].*$/gs, ''));
  } catch {
    return undefined;
  }
}

async function read(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) return void refuse(response, 413, `A body has at most ${LARGEST_BODY} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    return void refuse(response, 400, `This is not JSON: ${(error as Error).message}`);
  }
}

function sentence({ path, message }: { path: PropertyKey[]; message: string }): string {
  return path.length === 0 ? message : `\`${path.join('.')}\`: ${message}`;
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, detail: string): void {
  if (!response.headersSent) send(response, status, { detail });
}

function isKey(header: string | undefined, key: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ''), Buffer.from(`Bearer ${key}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
