/** What every HTTP door here does: check who knocks, read what they bring, refuse what can't be read. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError, errorAnswer } from './errors.ts';
import { sendError } from './exchange.ts';

/** A client that sends slowly is given up; one that waits for its next call keeps its connection. */
export const DOOR_TIMES: ServerOptions = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 300_000 };

export class KeyCheck {
  readonly #expected: Buffer;
  readonly #next: string;

  constructor(key: string, next: string) {
    this.#expected = Buffer.from(`Bearer ${key}`);
    this.#next = next;
  }

  check(headers: IncomingHttpHeaders): void {
    const given = Buffer.from(headers.authorization ?? `Bearer ${one(headers['x-api-key']) ?? ''}`);
    if (given.length === this.#expected.length && timingSafeEqual(given, this.#expected)) return;
    throw new ApiError(401, 'The API key is missing or wrong.', { code: 'auth', apiCode: 'invalid_api_key', next: this.#next });
  }
}

export function methodNotAllowed({ method }: IncomingMessage, allowed: string): ApiError {
  return new ApiError(405, `${method} is not possible here.`, { next: `Use ${allowed}.` });
}

export function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Undefined when the client went away before it had sent all. */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLong = (): void => reject(new ApiError(413, `The request is longer than ${limit} bytes.`, { next: 'Shorten the history or the tool results.' }));
    if (Number(request.headers['content-length']) > limit) return tooLong();
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) return tooLong();
      chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', () => resolve(undefined));
    request.on('close', () => resolve(undefined));
  });
}

export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  if (request.complete) return sendError(response, error);
  // The rest of the request is not read: the connection can't be used again.
  sendError(response, error, { connection: 'close' });
  request.resume();
  response.once('finish', () => request.socket.destroySoon());
}

export function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const answer = errorAnswer(new ApiError(slow ? 408 : 400, slow ? 'The request took too long to arrive.' : 'This is not an HTTP request that can be read.'));
  const reason = slow ? '408 Request Timeout' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${reason}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(answer.body)}\r\n\r\n${answer.body}`);
}
