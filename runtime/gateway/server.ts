/** The OpenAI-compatible door that every model call of a workflow goes through. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { decodeStack, SITE_HEADER } from '../protocol/site.ts';
import type { CallRecord, RolloutPlace } from '../protocol/trace.ts';
import { DOOR_TIMES, KeyCheck, methodNotAllowed, one, readBody, refuse, refuseGarbage } from './door.ts';
import { ApiError } from './errors.ts';
import { Exchange, sendJson } from './exchange.ts';
import { readRequest } from './request.ts';
import { Retries, type SharedCall } from './retries.ts';
import { gone, RolloutSession, type SessionOptions } from './session.ts';

export interface GatewayOptions {
  /** What clients must bring. Absent: random. */
  token?: string;
  /** Most bytes of a request. */
  bodyLimit?: number;
  /** Milliseconds between signs of life to a waiting client. */
  heartbeat?: number;
}

export interface Gateway {
  readonly url: string;
  readonly token: string;
  open(options: SessionOptions): RolloutSession;
  session(place: Pick<RolloutPlace, 'run' | 'rollout'>, attempt: number): RolloutSession | undefined;
  /** Ends a rollout's calls and gives their records. Empty for a rollout that isn't open. */
  close(place: Pick<RolloutPlace, 'run' | 'rollout'>, attempt: number): CallRecord[];
  /** Closes what is open, then the door. */
  stop(): Promise<void>;
}

export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = new HttpGateway(options);
  await gateway.listen();
  return gateway;
}

const BODY_LIMIT = 32 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** A connection that closes this soon after an answer may never have read it. */
const DOUBT_MS = 1_000;
/** How many ended rollouts are remembered, so that their late calls are told the reason. */
const KEPT_ENDED = 10_000;

const PATH = /^\/run\/([^/?]+)\/rollout\/([^/?]+)\/attempt\/(\d{1,6})\/role\/([^/?]+)\/v1\/([^?]*)(?:\?.*)?$/;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const ROLE = /^[^\p{C}]{1,64}$/u;

interface OpenRollout {
  session: RolloutSession;
  retries: Retries;
}

class HttpGateway implements Gateway {
  readonly token: string;
  readonly #key: KeyCheck;
  readonly #bodyLimit: number;
  readonly #heartbeat: number;
  readonly #server: Server;
  readonly #open = new Map<string, OpenRollout>();
  readonly #ended = new Set<string>();
  /** The last answer on each connection. */
  readonly #last = new WeakMap<Socket, { call: SharedCall; retries: Retries; at: number }>();
  #port = 0;

  constructor(options: GatewayOptions) {
    this.token = options.token ?? randomBytes(32).toString('base64url');
    this.#key = new KeyCheck(this.token, 'Use the apiKey of the tuner, together with its baseURL.');
    this.#bodyLimit = options.bodyLimit ?? BODY_LIMIT;
    this.#heartbeat = options.heartbeat ?? HEARTBEAT_MS;
    this.#server = createServer(DOOR_TIMES);
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('connection', (socket) => void socket.once('close', () => this.#socketClosed(socket)));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseGarbage(error, socket as Socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  open(options: SessionOptions): RolloutSession {
    const { run, rollout } = options.place;
    const path = `/run/${run}/rollout/${rollout}/attempt/${options.attempt}`;
    const session = new RolloutSession(options, { url: this.url + path, apiKey: this.token });
    this.#open.set(keyOf(run, rollout, options.attempt), { session, retries: new Retries() });
    return session;
  }

  session({ run, rollout }: Pick<RolloutPlace, 'run' | 'rollout'>, attempt: number): RolloutSession | undefined {
    return this.#open.get(keyOf(run, rollout, attempt))?.session;
  }

  close({ run, rollout }: Pick<RolloutPlace, 'run' | 'rollout'>, attempt: number): CallRecord[] {
    const key = keyOf(run, rollout, attempt);
    const open = this.#open.get(key);
    if (open === undefined) return [];
    this.#open.delete(key);
    this.#ended.add(key);
    if (this.#ended.size > KEPT_ENDED) this.#ended.delete(this.#ended.values().next().value!);
    return open.session.close();
  }

  async stop(): Promise<void> {
    for (const { session } of this.#open.values()) session.close();
    this.#open.clear();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#checkCaller(request);
      const { role, rest, open } = this.#find(request.url!);
      if (rest === 'chat/completions') {
        if (request.method !== 'POST') throw methodNotAllowed(request, 'POST');
        const body = await readBody(request, this.#bodyLimit);
        if (body !== undefined) await this.#complete(open, role, body, request, response);
      } else if (rest === 'models' || rest.startsWith('models/')) {
        if (request.method !== 'GET') throw methodNotAllowed(request, 'GET');
        sendJson(response, 200, models(rest));
      } else {
        throw new ApiError(404, `There is no /v1/${rest} here.`, { next: 'Use chat completions (in the OpenAI Agents SDK: useResponses: false).' });
      }
    } catch (error) {
      refuse(request, response, error);
    }
  }

  async #complete({ session, retries }: OpenRollout, role: string, body: Buffer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = readRequest(body.toString());
    const { headers, socket } = request;
    const site = headers[SITE_HEADER];
    const joined = retries.join({
      role, body,
      idempotencyKey: one(headers['idempotency-key']),
      repetition: Number(one(headers['x-stainless-retry-count']) ?? 0) || 0,
    }, () => session.call(role, asked, typeof site === 'string' ? decodeStack(site) : []));
    const call = joined instanceof Promise ? await joined : joined;
    new Exchange(response, asked, this.#heartbeat).answer(call.answer, ({ delivered, answered }) => {
      if (!delivered) return retries.abandoned(call);
      retries.delivered(call);
      if (answered === undefined) return;
      session.delivered(answered.record);
      this.#last.set(socket, { call, retries, at: performance.now() });
    });
  }

  #checkCaller({ headers }: IncomingMessage): void {
    // A page whose name was re-bound to this address sends its own name.
    if (headers.host !== `127.0.0.1:${this.#port}` && headers.host !== `localhost:${this.#port}`) {
      throw new ApiError(403, `The host "${headers.host ?? ''}" is not this server.`, { code: 'auth', next: `Use ${this.url}.` });
    }
    this.#key.check(headers);
  }

  #find(url: string): { role: string; rest: string; open: OpenRollout } {
    const match = PATH.exec(url);
    if (match === null) throw new ApiError(404, `There is nothing at ${url.slice(0, 200)}.`, { next: 'Use the baseURL of the tuner; it ends in /v1.' });
    const [, run, rollout, attemptText, roleText, rest] = match as unknown as [string, string, string, string, string, string];
    const role = decodeRole(roleText);
    if (!ID.test(run) || !ID.test(rollout)) throw new ApiError(404, 'The run and the rollout in the path are made of letters, digits, "_" and "-", at most 64.', { next: 'Use the baseURL of the tuner as it is.' });
    const attempt = Number(attemptText);
    const key = keyOf(run, rollout, attempt);
    const open = this.#open.get(key);
    if (open !== undefined) return { role, rest, open };
    if (this.#ended.has(key)) throw gone(rollout, attempt);
    throw new ApiError(404, `There is no rollout ${rollout} (attempt ${attempt}) in run ${run}.`, { next: 'Use the baseURL of the tuner of the rollout that is running.' });
  }

  #socketClosed(socket: Socket): void {
    const last = this.#last.get(socket);
    if (last !== undefined && performance.now() - last.at < DOUBT_MS) last.retries.doubt(last.call);
  }
}

function keyOf(run: string, rollout: string, attempt: number): string {
  return `${run}/${rollout}/${attempt}`;
}

function decodeRole(text: string): string {
  let role: string;
  try {
    role = decodeURIComponent(text);
  } catch {
    role = '';
  }
  if (!ROLE.test(role)) throw new ApiError(404, 'The role in the path must be 1 to 64 printable characters, percent-encoded.', { next: 'Use the baseURL of tuner.getModel(role) as it is.' });
  return role;
}

function models(rest: string): string {
  const model = { id: 'tuning-fork', object: 'model', created: 0, owned_by: 'tuning-fork' };
  return JSON.stringify(rest === 'models' ? { object: 'list', data: [model] } : { ...model, id: rest.slice('models/'.length) });
}
