/** One request's way back to its client: kept alive while it waits, written once, and known to be delivered or not. */
import type { ServerResponse } from 'node:http';
import type { CallRecord } from '../protocol/trace.ts';
import { completion, type Answered, type Told } from './completion.ts';
import { errorAnswer } from './errors.ts';
import type { CallRequest } from './request.ts';
import { PING, streamed, streamedError } from './stream.ts';

export interface Ending<T extends Told = CallRecord> {
  /** Everything was handed to a live connection. */
  delivered: boolean;
  /** Absent where the call failed, or the client left before it was answered. */
  answered: Answered<T> | undefined;
}

export function sendJson(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

export function sendError(response: ServerResponse, error: unknown, headers: Record<string, string> = {}): void {
  const { status, body, retry } = errorAnswer(error);
  sendJson(response, status, body, { 'x-should-retry': String(retry), ...headers });
}

export class Exchange<T extends Told = CallRecord> {
  readonly #response: ServerResponse;
  readonly #request: CallRequest;
  readonly #ending: (answered: Answered<T>) => string;
  readonly #beat: NodeJS.Timeout;
  #beats = 0;

  /** `ending`: what is left to be streamed once the answer is whole, of a stream that is told in parts. */
  constructor(response: ServerResponse, request: CallRequest, heartbeat: number, ending = (answered: Answered<T>) => streamed(answered, request)) {
    this.#response = response;
    this.#request = request;
    this.#ending = ending;
    this.#beat = setInterval(() => this.#keepAlive(), heartbeat);
  }

  answer(call: Promise<Answered<T>>, ended: (ending: Ending<T>) => void): void {
    let answered: Answered<T> | undefined;
    const onClose = (): void => {
      clearInterval(this.#beat);
      ended({ delivered: this.#response.writableFinished, answered });
    };
    if (this.#response.closed) return onClose();
    this.#response.once('close', onClose);
    call.then((value) => {
      answered = value;
      this.#succeed(value);
    }).catch((error: unknown) => this.#fail(error));
  }

  /** Events of an answer that is not whole yet. */
  part(events: string): void {
    const response = this.#response;
    if (events === '' || response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, EVENT_STREAM);
    response.write(events);
  }

  /**
   * A stream gets comments; JSON may begin with blanks. But once headers are sent a failure can't have its own status any more, so they wait
   * until shortly before clients give up on them, which is after five minutes.
   */
  #keepAlive(): void {
    const response = this.#response;
    if (!this.#request.stream && ++this.#beats < BEATS_WITHOUT_HEADERS) return;
    if (!response.headersSent) {
      response.writeHead(200, this.#request.stream ? EVENT_STREAM : { 'content-type': 'application/json' });
    }
    response.write(this.#request.stream ? PING : ' ');
  }

  #succeed(answered: Answered<T>): void {
    const response = this.#response;
    if (response.destroyed) return;
    clearInterval(this.#beat);
    if (this.#request.stream) {
      if (!response.headersSent) response.writeHead(200, EVENT_STREAM);
      response.end(this.#ending(answered));
    } else if (response.headersSent) {
      response.end(completion(answered, this.#request));
    } else {
      sendJson(response, 200, completion(answered, this.#request));
    }
  }

  #fail(error: unknown): void {
    const response = this.#response;
    if (response.destroyed) return;
    clearInterval(this.#beat);
    if (!response.headersSent) return sendError(response, error);
    const { body } = errorAnswer(error);
    response.end(this.#request.stream ? streamedError(body) : body);
  }
}

/** Of 15 s: four minutes. */
const BEATS_WITHOUT_HEADERS = 16;
const EVENT_STREAM = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
