/** An OpenAI-compatible server for one model that lies here: what was trained can be used by anything that can call such a server. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo, type Socket } from 'node:net';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { FinishReason } from '../protocol/chat.ts';
import type { Told } from '../gateway/completion.ts';
import { DOOR_TIMES, KeyCheck, methodNotAllowed, readBody, refuse, refuseGarbage } from '../gateway/door.ts';
import { ApiError } from '../gateway/errors.ts';
import { Exchange, sendJson } from '../gateway/exchange.ts';
import { readRequest } from '../gateway/request.ts';
import type { TokenPolicy } from '../policy/policy.ts';
import { LiveStream } from './live-stream.ts';
import { ServedModel } from './model.ts';

export interface ServeOptions {
  policy: TokenPolicy;
  /** Absent: loopback. */
  host?: string;
  /** Absent: a free one. */
  port?: number;
  /** What clients must bring. Absent: random. */
  apiKey?: string;
  /** For the conversations that are remembered. */
  memoryBytes?: number;
  /** Most bytes of a request. */
  bodyLimit?: number;
  /** Milliseconds between signs of life to a waiting client. */
  heartbeat?: number;
  /** Told once each request is over. */
  onServed?(request: Served): void;
}

/** A request, once it is over. */
export interface Served {
  method: string;
  path: string;
  status: number;
  milliseconds: number;
  usage?: { prompt: number; completion: number; cached: number };
  finish?: FinishReason;
  error?: ErrorInfo;
  /** The client went away before it had its answer. */
  left: boolean;
}

export interface ModelServer {
  /** Ends in `/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
  /** Calls being answered. */
  readonly calls: number;
  /** Takes nothing new, ends what is under way, then closes the door. */
  drain(): Promise<void>;
}

const MEMORY_BYTES = 64 * 2 ** 20;
const HEARTBEAT_MS = 15_000;
/** Longer requests than the model can hold are refused before they are read: tokenising them would keep all others waiting. */
const BODY_BYTES = 256 * 2 ** 10;
const BODY_BYTES_PER_TOKEN = 64;
/** What waits beyond the batch that is sampled together. */
const MOST_CALLS = 256;

export async function serveModel(options: ServeOptions): Promise<ModelServer> {
  const server = new HttpModelServer(options);
  await server.listen();
  return server;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

class HttpModelServer implements ModelServer {
  baseURL = '';
  readonly apiKey: string;
  readonly #model: ServedModel;
  readonly #host: string;
  readonly #port: number;
  readonly #key: KeyCheck;
  readonly #bodyLimit: number;
  readonly #heartbeat: number;
  readonly #onServed: (request: Served) => void;
  readonly #server: Server;
  readonly #created = Math.floor(Date.now() / 1_000);
  readonly #calls = new Set<AbortController>();
  readonly #drained = Promise.withResolvers<void>();
  #draining = false;

  constructor({ policy, host = '127.0.0.1', port = 0, apiKey, memoryBytes, bodyLimit, heartbeat, onServed }: ServeOptions) {
    this.apiKey = apiKey ?? `tf-${randomBytes(24).toString('base64url')}`;
    this.#model = new ServedModel(policy, memoryBytes ?? MEMORY_BYTES);
    this.#host = host;
    this.#port = port;
    this.#key = new KeyCheck(this.apiKey, 'Use the key that "tuning-fork serve" told when it started.');
    this.#bodyLimit = bodyLimit ?? BODY_BYTES + BODY_BYTES_PER_TOKEN * policy.contextLength;
    this.#heartbeat = heartbeat ?? HEARTBEAT_MS;
    this.#onServed = onServed ?? (() => {});
    this.#server = createServer(DOOR_TIMES);
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseGarbage(error, socket as Socket));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(this.#cannotListen(error)));
      this.#server.listen(this.#port, this.#host, resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    const name = this.#host === '0.0.0.0' || this.#host === '::' ? '127.0.0.1' : isIP(this.#host) === 6 ? `[${this.#host}]` : this.#host;
    this.baseURL = `http://${name}:${port}/v1`;
  }

  get calls(): number {
    return this.#calls.size;
  }

  async drain(): Promise<void> {
    this.#draining = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    if (this.#calls.size > 0) await this.#drained.promise;
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const start = performance.now();
    const path = request.url!.replace(/\?.*/s, '');
    const served: Partial<Served> = {};
    response.once('close', () => this.#onServed({
      ...served, method: request.method!, path, status: response.statusCode, milliseconds: performance.now() - start, left: !response.writableFinished,
    }));
    try {
      this.#checkHost(request);
      if (path === '/health') return this.#health(request, response);
      this.#key.check(request.headers);
      if (path === '/v1/chat/completions') return await this.#complete(request, response, served);
      if (path === '/v1/models' || path.startsWith('/v1/models/')) return this.#models(request, response, path.slice('/v1/models/'.length));
      throw new ApiError(404, `There is nothing at ${path.slice(0, 200)}.`, { next: 'There are /v1/chat/completions, /v1/models and /health (in the OpenAI Agents SDK: useResponses: false).' });
    } catch (error) {
      served.error = errorInfo(error);
      refuse(request, response, error);
    }
  }

  #health(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed(request, 'GET');
    sendJson(response, this.#draining ? 503 : 200, JSON.stringify({ status: this.#draining ? 'ending' : 'ok', model: this.#model.policy.label, calls: this.calls }));
  }

  #models(request: IncomingMessage, response: ServerResponse, id: string): void {
    if (request.method !== 'GET') throw methodNotAllowed(request, 'GET');
    const { label, contextLength } = this.#model.policy;
    const model = { id: label, object: 'model', created: this.#created, owned_by: 'tuning-fork', max_model_len: contextLength };
    if (id === '') return sendJson(response, 200, JSON.stringify({ object: 'list', data: [model] }));
    if (id !== encodeURIComponent(label) && id !== label) {
      throw new ApiError(404, `There is no model "${id.slice(0, 200)}" here.`, { apiCode: 'model_not_found', param: 'model', next: `There is "${label}".` });
    }
    sendJson(response, 200, JSON.stringify(model));
  }

  /** Whatever model is asked for by name, the one that is there answers, under its own name. */
  async #complete(request: IncomingMessage, response: ServerResponse, served: Partial<Served>): Promise<void> {
    if (request.method !== 'POST') throw methodNotAllowed(request, 'POST');
    const body = await readBody(request, this.#bodyLimit);
    if (body === undefined) return;
    this.#checkRoom();
    const { policy } = this.#model;
    const asked = { ...readRequest(body.toString()), model: policy.label };
    const call = this.#model.begin(asked);
    const stream = asked.stream ? new LiveStream(call, policy) : undefined;
    const exchange = new Exchange<Told>(response, asked, this.#heartbeat, stream && ((answered) => stream.end(answered)));
    const abort = new AbortController();
    this.#calls.add(abort);
    const answer = this.#model.answer(call, {
      signal: abort.signal,
      ...(stream !== undefined && { onToken: (id, logprob, told) => exchange.part(stream.push(id, logprob, told)) }),
    });
    answer.then(({ record }) => Object.assign(served, { usage: record.usage, finish: record.finish }), (error: unknown) => void (served.error = errorInfo(error)));
    exchange.answer(answer, () => this.#over(abort));
  }

  #checkRoom(): void {
    if (this.#draining) throw new ApiError(503, 'This server is ending.', { next: 'Ask again once it has been started again.' });
    if (this.#calls.size < MOST_CALLS) return;
    throw new ApiError(429, `${MOST_CALLS} calls are being answered already.`, { type: 'rate_limit_error', apiCode: 'rate_limit_exceeded', next: 'Ask again in a moment.' });
  }

  /** Whoever went away needs no answer: its place in the batch is free again. */
  #over(call: AbortController): void {
    this.#calls.delete(call);
    call.abort();
    if (this.#draining && this.#calls.size === 0) this.#drained.resolve();
  }

  /** A page whose name was re-bound to loopback sends its own name. */
  #checkHost({ headers: { host = '' } }: IncomingMessage): void {
    if (!isLoopback(this.#host) || isLoopback(host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))) return;
    throw new ApiError(403, `The host "${host.slice(0, 200)}" is not this server.`, { code: 'auth', next: `Use ${this.baseURL}.` });
  }

  #cannotListen(error: NodeJS.ErrnoException): TuningForkError {
    const at = `${this.#host}:${this.#port}`;
    switch (error.code) {
      case 'EADDRINUSE': return new TuningForkError('usage', `${at} is taken by another server.`, { cause: error, next: 'Name another port, or none: then a free one is taken.' });
      case 'EACCES': return new TuningForkError('usage', `This user may not listen at ${at}.`, { cause: error, next: 'Name a port from 1024 on.' });
      case 'EADDRNOTAVAIL': case 'ENOTFOUND': return new TuningForkError('usage', `This machine has no address ${this.#host}.`, { cause: error, next: 'Use 127.0.0.1, or 0.0.0.0 for all its addresses.' });
      default: return new TuningForkError('usage', `Listening at ${at} failed: ${error.message}.`, { cause: error });
    }
  }
}
