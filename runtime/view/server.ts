/** A run in a browser on this machine: the page, its questions, and what is new. Loopback only; whoever asks must bring the token of the address. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { checkViewerParams } from '../protocol/viewer-requests.ts';
import type { ViewerEvent, ViewFocus } from '../protocol/viewer.ts';
import { encode } from './wire.ts';
import type { RunViewer } from './viewer.ts';

export interface ViewServerOptions {
  viewer: RunViewer;
  /** Folder with `viewer.js` and `viewer.css`. */
  assets: string;
  focus?: ViewFocus;
  /** Absent: a free one. */
  port?: number;
}

export interface ViewServer {
  /** With the token behind `#`, which browsers keep to themselves. */
  readonly url: string;
  close(): Promise<void>;
}

const BODY_BYTES = 1 << 20;
const HEARTBEAT_MS = 15_000;
const TYPES: Record<string, string> = { js: 'text/javascript', css: 'text/css' };

export async function serveViewer({ viewer, assets, focus, port = 0 }: ViewServerOptions): Promise<ViewServer> {
  const token = randomBytes(24).toString('base64url');
  const listeners = new Set<(event: ViewerEvent) => void>();
  const stop = viewer.watch((event) => listeners.forEach((listener) => listener(event)));
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => fail(response, 500, errorInfo(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new TuningForkError('usage', `The viewer can't listen at port ${port}: ${error.message}`, { cause: error, next: 'Leave the port out: a free one is taken.' })));
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: at } = server.address() as AddressInfo;
  const hosts = new Set([`127.0.0.1:${at}`, `localhost:${at}`]);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of somebody else's that has made a name of its own point here.
    if (!hosts.has(request.headers.host ?? '')) return fail(response, 403, { code: 'auth', message: 'This server answers to its own address only.' });
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET' && pathname === '/') return page(response);
    if (request.method === 'GET' && /^\/[\w-]+\.(js|css)$/.test(pathname)) return asset(response, pathname);
    if (!authorized(request, token)) return fail(response, 401, { code: 'auth', message: 'The token of this viewer is missing or wrong.', next: 'Open the address that "tuning-fork view" printed, whole.' });
    if (request.method === 'GET' && pathname === '/events') return events(request, response);
    if (request.method === 'POST' && pathname.startsWith('/rpc/')) return call(request, response, pathname.slice('/rpc/'.length));
    fail(response, 404, { code: 'usage', message: `There is no ${pathname} here.` });
  }

  function page(response: ServerResponse): void {
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    });
    response.end('<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tuning Fork</title><link rel="stylesheet" href="viewer.css"></head><body><script type="module" src="viewer.js"></script></body></html>');
  }

  function asset(response: ServerResponse, pathname: string): void {
    const file = join(assets, pathname);
    if (!existsSync(file)) return fail(response, 404, { code: 'usage', message: `There is no ${pathname} here.` });
    response.writeHead(200, { 'content-type': TYPES[pathname.split('.').at(-1)!]!, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    createReadStream(file).pipe(response);
  }

  async function call(request: IncomingMessage, response: ServerResponse, method: string): Promise<void> {
    try {
      const { method: known, params } = checkViewerParams(method, JSON.parse(await bodyOf(request)));
      const ask = viewer.requests[known] as (given: unknown) => Promise<unknown>;
      const result = known === 'open' ? await viewer.view(focus) : await ask(params);
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
      response.end(encode(result));
    } catch (error) {
      fail(response, 400, error instanceof SyntaxError ? { code: 'protocol', message: `The body of "${method}" is no JSON.` } : errorInfo(error));
    }
  }

  function events(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': here\n\n');
    const tell = (event: ViewerEvent): void => void response.write(`data: ${JSON.stringify(event)}\n\n`);
    const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    listeners.add(tell);
    request.once('close', () => {
      clearInterval(heartbeat);
      listeners.delete(tell);
    });
  }

  return {
    url: `http://127.0.0.1:${at}/#${token}`,
    close: () => new Promise((resolve) => {
      stop();
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function authorized(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_BYTES) throw new TuningForkError('protocol', `A request may have ${BODY_BYTES} bytes at most.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function fail(response: ServerResponse, status: number, error: ErrorInfo): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ error }));
}
