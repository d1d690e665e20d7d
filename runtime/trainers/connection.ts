/** HTTP to a trainer: connections are kept, silence has an end, refusals become errors. */
import { Agent, request as sendPlain, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as sendSecurely } from 'node:https';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import { PROTOCOL_HEADER, TRAINER_PROTOCOL, type TrainerAddress, type TrainerInfo, type TrainerRefusal } from '../protocol/trainer.ts';

/** A trainer at work gives a sign of life every few seconds. */
const SILENCE_MS = 5 * 60_000;

export type Body = { json: unknown } | { bytes: Uint8Array };

export interface CallOptions {
  signal?: AbortSignal;
}

/** A function where the trainer may be restarted under another address. */
export type AddressSource = TrainerAddress | (() => TrainerAddress);

export class TrainerConnection {
  readonly #address: () => TrainerAddress;
  readonly #silenceMs: number;
  readonly #plain = new Agent({ keepAlive: true });
  readonly #secure = new SecureAgent({ keepAlive: true });

  constructor(address: AddressSource, { silenceMs = SILENCE_MS }: { silenceMs?: number } = {}) {
    this.#address = typeof address === 'function' ? address : () => address;
    this.#silenceMs = silenceMs;
  }

  /** Throws where the two are not of one version. */
  async info(options?: CallOptions): Promise<TrainerInfo> {
    const info = await this.json<TrainerInfo>('GET', '/v1/info', undefined, options);
    if (info.protocol !== TRAINER_PROTOCOL) throw anotherProtocol(info.protocol, TRAINER_PROTOCOL);
    return info;
  }

  async json<Answer>(method: 'GET' | 'POST', path: string, body?: Body, options?: CallOptions): Promise<Answer> {
    return JSON.parse((await this.bytes(method, path, body, options)).toString()) as Answer;
  }

  async bytes(method: 'GET' | 'POST', path: string, body?: Body, options?: CallOptions): Promise<Buffer> {
    const answer = await this.open(method, path, body, options);
    const chunks: Buffer[] = [];
    await this.#read(answer, options, (chunk) => void chunks.push(chunk));
    return Buffer.concat(chunks);
  }

  /** An answer too large for memory: it goes into a file. */
  async download(path: string, file: string, options?: CallOptions): Promise<void> {
    const answer = await this.open('GET', path, undefined, options);
    try {
      await pipeline(answer, createWriteStream(file));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).path === undefined ? this.#explain(error, options?.signal) : error;
    }
  }

  /** An answer of JSON lines, until `onLine` says `true` or the answer ends. */
  async lines<Line>(path: string, body: Body, onLine: (line: Line) => boolean | void, options?: CallOptions): Promise<void> {
    const answer = await this.open('POST', path, body, options);
    let rest = '';
    answer.setEncoding('utf8');
    await this.#read<string>(answer, options, (chunk) => {
      rest += chunk;
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
        const line = JSON.parse(rest.slice(0, end)) as Line;
        rest = rest.slice(end + 1);
        if (onLine(line) === true) return true;
      }
    });
  }

  /** Rejects for a refusal, and where nothing answers. */
  open(method: 'GET' | 'POST', path: string, body?: Body, { signal }: CallOptions = {}): Promise<IncomingMessage> {
    const { url, token, certificate } = this.#address();
    const secure = url.startsWith('https:');
    const bytes = body === undefined ? undefined : 'json' in body ? Buffer.from(JSON.stringify(body.json)) : body.bytes;
    const type = body !== undefined && 'json' in body ? 'application/json' : 'application/octet-stream';
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const request = (secure ? sendSecurely : sendPlain)(`${url}${path}`, {
        method, signal, agent: secure ? this.#secure : this.#plain, timeout: this.#silenceMs, ...(certificate !== undefined && { ca: certificate }),
        headers: { authorization: `Bearer ${token}`, [PROTOCOL_HEADER]: TRAINER_PROTOCOL, ...(bytes && { 'content-type': type, 'content-length': bytes.length }) },
      });
      request.once('timeout', () => request.destroy(silent(url, this.#silenceMs)));
      request.on('error', (error) => reject(this.#explain(error, signal)));
      request.once('response', (answer) => {
        if (answer.statusCode! < 400) resolve(answer);
        else void this.#refusal(answer, url).then(reject, (error: unknown) => reject(this.#explain(error, signal)));
      });
      request.end(bytes);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /** `true` from `take`: enough. */
  #read<Chunk = Buffer>(answer: IncomingMessage, options: CallOptions | undefined, take: (chunk: Chunk) => boolean | void): Promise<void> {
    return new Promise((resolve, reject) => {
      answer.on('data', (chunk: Chunk) => {
        try {
          if (take(chunk) !== true) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        answer.removeAllListeners('data').destroy();
      });
      answer.once('end', resolve);
      answer.once('error', (error) => reject(this.#explain(error, options?.signal)));
      answer.once('close', () => reject(this.#explain(new Error('the connection closed within an answer'), options?.signal)));
    });
  }

  async #refusal(answer: IncomingMessage, url: string): Promise<TuningForkError> {
    let text = '';
    answer.setEncoding('utf8');
    await this.#read<string>(answer, undefined, (chunk) => void (text += chunk));
    try {
      return fromErrorInfo((JSON.parse(text) as TrainerRefusal).error);
    } catch {
      return new TuningForkError('trainer', `${url} answers with status ${answer.statusCode} and no reason, so it is probably not a trainer.`);
    }
  }

  #explain(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof TuningForkError) return error;
    const why = error instanceof Error ? error.message : String(error);
    return new TuningForkError('trainer-gone', `The trainer at ${this.#address().url} is gone: ${why || (error as NodeJS.ErrnoException).code}.`, {
      cause: error, next: 'Try again: on this machine it is started anew; elsewhere "tuning-fork gpu serve" has to run.',
    });
  }
}

/** As either side says it. */
export function anotherProtocol(trainer: number | string, client: number | string): TuningForkError {
  return new TuningForkError('protocol', `The trainer speaks version ${trainer} of the protocol, and Tuning Fork here version ${client}.`, { next: 'Install the same version of Tuning Fork on both machines.' });
}

function silent(url: string, milliseconds: number): TuningForkError {
  return new TuningForkError('trainer-gone', `The trainer at ${url} has been silent for ${Math.round(milliseconds / 1000)} seconds.`, {
    next: 'End it if it hangs, and try again: on this machine it is started anew; elsewhere "tuning-fork gpu serve" has to run.',
  });
}
