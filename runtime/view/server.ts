/** A run in a browser on this machine: the page, its questions, and what is new. Loopback only; whoever asks must bring the token of the address. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { checkDashboardParams } from '../protocol/dashboard-requests.ts';
import { checkViewerParams } from '../protocol/viewer-requests.ts';
import type { ViewFocus } from '../protocol/viewer.ts';
import type { Dashboard } from './dashboard.ts';
import { Downloads } from './download.ts';
import type { RunViewer } from './viewer.ts';
import { encode } from './wire.ts';

export interface ViewServerOptions {
  viewer: RunViewer;
  /** Of a training: its dashboard is shown too. */
  dashboard?: Dashboard;
  /** Folder with script and style sheet of each page. */
  assets: string;
  focus?: ViewFocus;
  /** Absent: a free one. */
  port?: number;
}

export interface ViewServer {
  /** With the token behind `#`, which browsers keep to themselves. */
  readonly url: string;
  readonly dashboardUrl: string;
  /** Where the viewer begins that is opened next. */
  focus: ViewFocus | undefined;
  /** Leads to one of these addresses once. For programs that open it: their words can be read by everybody on this machine. */
  once(url: string): string;
  close(): Promise<void>;
}

/** A page, its questions, and what it is told. */
interface Served {
  name: string;
  answer(method: string, params: unknown): Promise<unknown>;
  listeners: Set<(event: unknown) => void>;
  stop(): void;
}

const BODY_BYTES = 1 << 20;
const HEARTBEAT_MS = 15_000;
const TYPES: Record<string, string> = { js: 'text/javascript', css: 'text/css' };

export async function serveViewer({ viewer, dashboard, assets, focus, port = 0 }: ViewServerOptions): Promise<ViewServer> {
  const token = randomBytes(24).toString('base64url');
  const shown = serve('viewer', viewer, async (method, params) => {
    const asked = checkViewerParams(method, params);
    if (asked.method === 'export') return downloads.offer(asked.params);
    return asked.method === 'open' ? viewer.view(view.focus) : (viewer.requests[asked.method] as Ask)(asked.params);
  });
  const downloads = new Downloads(viewer.run, (event) => shown.listeners.forEach((listener) => listener(event)));
  const pages = new Map([['/', shown]]);
  if (dashboard !== undefined) {
    pages.set('/dashboard/', serve('dashboard', dashboard, (method, params) => {
      const asked = checkDashboardParams(method, params);
      return asked.method === 'open' ? dashboard.view(viewer.run.dir) : (dashboard.requests[asked.method] as Ask)(asked.params);
    }));
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => fail(response, 500, viewer.inWords(errorInfo(error))));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new TuningForkError('usage', `The viewer can't listen at port ${port}: ${error.message}`, { cause: error, next: 'Leave the port out: a free one is taken.' })));
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: at } = server.address() as AddressInfo;
  const hosts = new Set([`127.0.0.1:${at}`, `localhost:${at}`]);
  const openings = new Map<string, string>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of somebody else's that has made a name of its own point here.
    if (!hosts.has(request.headers.host ?? '')) return fail(response, 403, { code: 'auth', message: 'This server answers to its own address only.' });
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const at = pathname.startsWith('/dashboard/') ? '/dashboard/' : '/';
    const served = pages.get(at);
    const path = pathname.slice(at.length);
    if (served === undefined) return fail(response, 404, { code: 'usage', message: `There is no ${pathname} here.` });
    if (request.method === 'GET' && path === '') {
      // Read while the browser reads the page. What is wrong with it is told when the page asks.
      if (view.focus !== undefined && served.name === 'viewer') viewer.requests.timeline(view.focus).catch(() => {});
      return page(response, served);
    }
    if (request.method === 'GET' && /^[\w-]+\.(js|css)$/.test(path)) return asset(response, path);
    if (request.method === 'GET' && path.startsWith('open/')) return lead(response, path.slice('open/'.length));
    const download = request.method === 'GET' && served === shown && path.startsWith('download/') ? downloads.take(path.slice('download/'.length)) : undefined;
    if (download !== undefined) return downloads.send(download, response);
    if (!authorized(request, token)) return fail(response, 401, { code: 'auth', message: 'The token of this viewer is missing or wrong.', next: 'Open the address that "tuning-fork view" printed, whole.' });
    if (request.method === 'GET' && path === 'events') return events(request, response, served);
    if (request.method === 'POST' && path.startsWith('rpc/')) return call(request, response, served, path.slice('rpc/'.length));
    fail(response, 404, { code: 'usage', message: `There is no ${pathname} here.` });
  }

  function page(response: ServerResponse, { name }: Served): void {
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    });
    response.end(`<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tuning Fork</title><link rel="stylesheet" href="${name}.css"></head><body><script type="module" src="${name}.js"></script></body></html>`);
  }

  function lead(response: ServerResponse, key: string): void {
    const url = openings.get(key);
    openings.delete(key);
    if (url === undefined) return fail(response, 401, { code: 'auth', message: 'This address was good for once.', next: 'Open the one that "tuning-fork view" printed, whole.' });
    response.writeHead(302, { location: url, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    response.end();
  }

  function asset(response: ServerResponse, name: string): void {
    const file = join(assets, name);
    if (!existsSync(file)) return fail(response, 404, { code: 'usage', message: `There is no ${name} here.` });
    response.writeHead(200, { 'content-type': TYPES[name.split('.').at(-1)!]!, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    createReadStream(file).pipe(response);
  }

  async function call(request: IncomingMessage, response: ServerResponse, served: Served, method: string): Promise<void> {
    try {
      const result = await served.answer(method, JSON.parse(await bodyOf(request)));
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
      response.end(encode(result));
    } catch (error) {
      fail(response, 400, error instanceof SyntaxError ? { code: 'protocol', message: `The body of "${method}" is no JSON.` } : viewer.inWords(errorInfo(error)));
    }
  }

  function events(request: IncomingMessage, response: ServerResponse, { listeners }: Served): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': here\n\n');
    const tell = (event: unknown): void => void response.write(`data: ${JSON.stringify(event)}\n\n`);
    const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    listeners.add(tell);
    request.once('close', () => {
      clearInterval(heartbeat);
      listeners.delete(tell);
    });
  }

  const view: ViewServer = {
    url: `http://127.0.0.1:${at}/#${token}`,
    dashboardUrl: `http://127.0.0.1:${at}/dashboard/#${token}`,
    focus,
    once: (url) => {
      const key = randomBytes(24).toString('base64url');
      openings.set(key, url);
      return `http://127.0.0.1:${at}/open/${key}`;
    },
    close: () => new Promise((resolve) => {
      for (const { stop } of pages.values()) stop();
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
  return view;
}

type Ask = (params: unknown) => Promise<unknown>;

function serve<Event>(name: string, source: { watch(tell: (event: Event) => void): () => void }, answer: Served['answer']): Served {
  const listeners: Served['listeners'] = new Set();
  const stop = source.watch((event) => listeners.forEach((listener) => listener(event)));
  return { name, answer, listeners, stop };
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
