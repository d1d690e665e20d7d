/** The trainer's door: HTTP on loopback. Whatever comes in is answered, at worst with a sentence. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { errorInfo, TuningForkError } from '../../protocol/errors.ts';
import { MODEL_FILES, PROTOCOL_HEADER, TRAINER_PROTOCOL, type ModelFile, type StepLine, type TrainerAddress, type TrainerRefusal } from '../../protocol/trainer.ts';
import { anotherProtocol } from '../connection.ts';
import { encodeScores } from '../packs.ts';
import { Refusal } from './refusal.ts';
import { check, checkpointBody, loadBody, sampleBody } from './requests.ts';
import type { EmbeddedTrainer } from './trainer.ts';

export interface ServerOptions {
  token: string;
  heartbeatMs: number;
  /** Most bytes of packs. */
  bodyLimit: number;
  onShutdown(): void;
}

const JSON_LIMIT = 8 * 2 ** 20;

/** Paths with names in them, by the routes they belong to. */
const NAMED: [route: string, form: RegExp][] = [
  ['/v1/checkpoints/*/load', /^\/v1\/checkpoints\/([^/]{1,300})\/load$/],
  ['/v1/checkpoints/*/files', /^\/v1\/checkpoints\/([^/]{1,300})\/files$/],
  ['/v1/checkpoints/*/files/*', /^\/v1\/checkpoints\/([^/]{1,300})\/files\/(.{1,300})$/],
  ['/v1/files/*', /^\/v1\/files\/([^/]{1,300})$/],
];

type Handler = (request: IncomingMessage, response: ServerResponse, ...names: string[]) => Promise<void> | void;

export class TrainerServer {
  readonly #trainer: EmbeddedTrainer;
  readonly #options: ServerOptions;
  readonly #expected: Buffer;
  readonly #server: Server;
  #draining = false;

  constructor(trainer: EmbeddedTrainer, options: ServerOptions) {
    this.#trainer = trainer;
    this.#options = options;
    this.#expected = Buffer.from(`Bearer ${options.token}`);
    this.#server = createServer({ keepAliveTimeout: 0, headersTimeout: 10_000, requestTimeout: 120_000 });
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('clientError', (_, socket) => refuseGarbage(socket as Socket));
  }

  listen(): Promise<TrainerAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${this.#port}`, token: this.#options.token }));
    });
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#checkCaller(request);
      const { handler, names } = this.#route(request);
      await handler(request, response, ...names);
    } catch (error) {
      refuse(request, response, error);
    }
  }

  #checkCaller({ headers }: IncomingMessage): void {
    // A page whose name was re-bound to this address sends its own name. A tunnel may end at another port.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? '')) {
      throw new Refusal(403, `The host "${headers.host ?? ''}" is not this server.`, { code: 'auth' });
    }
    const given = Buffer.from(headers.authorization ?? '');
    if (given.length !== this.#expected.length || !timingSafeEqual(given, this.#expected)) {
      throw new Refusal(401, 'The token is missing or wrong.', { code: 'auth', next: 'Send "authorization: Bearer <token>" with the token this trainer was started with.' });
    }
    const theirs = headers[PROTOCOL_HEADER] ?? String(TRAINER_PROTOCOL);
    if (theirs !== String(TRAINER_PROTOCOL)) {
      const { message, next } = anotherProtocol(TRAINER_PROTOCOL, String(theirs).slice(0, 20));
      throw new Refusal(400, message, { next });
    }
    if (this.#draining) throw new Refusal(503, 'The trainer is shutting down.', { code: 'trainer' });
  }

  readonly #routes: Record<string, Record<string, Handler>> = {
    '/v1/info': { GET: (_, response) => answer(response, this.#trainer.info()) },
    '/v1/sample': { POST: (request, response) => this.#sample(request, response) },
    '/v1/score': { POST: (request, response) => this.#score(request, response) },
    '/v1/step': { POST: (request, response) => this.#step(request, response) },
    '/v1/checkpoints': {
      GET: (_, response) => answer(response, this.#trainer.checkpoints()),
      POST: async (request, response) => {
        const body = check(checkpointBody, await readJson(request));
        answer(response, await this.#alive(response, this.#trainer.checkpoint(body)));
      },
    },
    '/v1/checkpoints/*/load': {
      POST: async (request, response, name = '') => {
        const body = check(loadBody, await readJson(request));
        answer(response, await this.#alive(response, this.#trainer.load(name, body)));
      },
    },
    '/v1/checkpoints/*/files': { GET: async (_, response, name = '') => answer(response, await this.#trainer.checkpointFiles(name)) },
    '/v1/checkpoints/*/files/*': { GET: async (_, response, name = '', path = '') => answerFile(response, path, await this.#trainer.checkpointFile(name, path)) },
    '/v1/files/*': { GET: async (_, response, name = '') => answerFile(response, name, isModelFile(name) ? await this.#trainer.file(name) : undefined) },
    '/v1/shutdown': {
      POST: (_, response) => {
        this.#draining = true;
        response.once('close', () => this.#options.onShutdown());
        answer(response, {});
      },
    },
  };

  #route({ method = '', url = '' }: IncomingMessage): { handler: Handler; names: string[] } {
    const path = url.split('?')[0]!;
    const { pattern, names } = patternOf(path);
    const route = Object.hasOwn(this.#routes, pattern) ? this.#routes[pattern]! : undefined;
    if (route === undefined) throw new Refusal(404, `There is nothing at ${path.slice(0, 200)}.`, { next: `Use one of ${Object.keys(this.#routes).join(', ')}.` });
    const handler = Object.hasOwn(route, method) ? route[method] : undefined;
    if (handler === undefined) throw new Refusal(405, `${method} is not possible at ${path}.`, { next: `Use ${Object.keys(route).join(' or ')}.` });
    return { handler, names: names.map(decoded) };
  }

  async #sample(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = check(sampleBody, await readJson(request));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    if (response.destroyed) gone.abort();
    try {
      await this.#trainer.sample(body, gone.signal, (line) => {
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write(`${JSON.stringify(line)}\n`);
      });
      response.end();
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    }
  }

  async #score(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, this.#options.bodyLimit);
    const scores = encodeScores(await this.#alive(response, this.#trainer.score(body)));
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': scores.length }).end(scores);
  }

  async #step(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const done = this.#trainer.step(await readBody(request, this.#options.bodyLimit));
    const write = (line: StepLine): void => void response.write(`${JSON.stringify(line)}\n`);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const seconds = (): number => Math.round((performance.now() - began) / 100) / 10;
    write({ heartbeat: seconds() });
    const heartbeat = setInterval(() => write({ heartbeat: seconds() }), this.#options.heartbeatMs);
    try {
      write({ done: await done });
    } catch (error) {
      write({ error: errorInfo(error, 'trainer') });
    } finally {
      clearInterval(heartbeat);
      response.end();
    }
  }

  /** Signs of life while an answer with one body is made: "102 Processing". */
  async #alive<T>(response: ServerResponse, work: Promise<T>): Promise<T> {
    const heartbeat = setInterval(() => { if (!response.destroyed) response.writeProcessing(); }, this.#options.heartbeatMs);
    try {
      return await work;
    } finally {
      clearInterval(heartbeat);
    }
  }
}

function patternOf(path: string): { pattern: string; names: string[] } {
  for (const [pattern, form] of NAMED) {
    const match = form.exec(path);
    if (match !== null) return { pattern, names: match.slice(1) };
  }
  return { pattern: path, names: [] };
}

function answer(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}

function answerFile(response: ServerResponse, name: string, bytes: Buffer | undefined): void {
  if (bytes === undefined) throw new Refusal(404, `There is no file "${name.slice(0, 200)}" here.`, { code: 'trainer' });
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length }).end(bytes);
}

function isModelFile(name: string): name is ModelFile {
  return (MODEL_FILES as readonly string[]).includes(name);
}

function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLong = (): void => reject(new Refusal(413, `The body is longer than ${limit} bytes.`, { next: 'Send less at once.' }));
    if (Number(request.headers['content-length']) > limit) return tooLong();
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) return tooLong();
      chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('close', () => reject(new Refusal(400, 'The connection closed before the whole body was there.')));
  });
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, JSON_LIMIT);
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(404, 'The name in the path is not percent-encoded.');
  }
}

/** What a caller did wrong by its code; anything else went wrong here. */
function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (!(error instanceof TuningForkError)) return 500;
  return error.code === 'internal' ? 500 : error.code === 'trainer' ? 422 : 400;
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const status = statusOf(error);
  if (status === 500) console.error(error);
  const body = JSON.stringify({ error: errorInfo(error) } satisfies TrainerRefusal);
  // The rest of a request that is not read would be taken for the next one.
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...(!request.complete && { connection: 'close' }) }).end(body);
  if (request.complete) return;
  request.resume();
  response.once('finish', () => request.socket.destroySoon());
}

function refuseGarbage(socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify({ error: { code: 'protocol', message: 'This is not an HTTP request that can be read.' } } satisfies TrainerRefusal);
  socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
