/**
 * Requests to the gateway over kept-alive connections, without any time-out: a debugger may hold a call for hours, and what must end
 * earlier is ended by a signal. The global fetch gives up on headers after five minutes.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';

// An import would read every export of node:http, and its WebSocket loads all of fetch: 17 ms.
const http = process.getBuiltinModule('node:http');

// A thousand rollouts come back to their connections, so idle ones are not bounded.
const agent = new http.Agent({ keepAlive: true, maxFreeSockets: Infinity });

export interface HttpAnswer {
  status: number;
  retryAfter: number | undefined;
  text: string;
}

export async function postJson(url: string, headers: OutgoingHttpHeaders, body: unknown, signal: AbortSignal): Promise<HttpAnswer> {
  const payload = Buffer.from(JSON.stringify(body));
  const answer = await send(url, 'POST', { ...headers, 'content-type': 'application/json' }, payload, signal);
  const seconds = Number(answer.headers['retry-after']);
  return { status: answer.statusCode!, retryAfter: seconds > 0 ? seconds : undefined, text: await readAll(answer, signal) };
}

/** The same connections behind the signature of `fetch`, for clients that take one. */
export async function gatewayFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const from = new Request(input, init);
  const body = from.body === null ? undefined : Buffer.from(await from.arrayBuffer());
  const answer = await send(from.url, from.method, Object.fromEntries(from.headers), body, from.signal);
  const headers = new Headers();
  for (let index = 0; index < answer.rawHeaders.length; index += 2) headers.append(answer.rawHeaders[index]!, answer.rawHeaders[index + 1]!);
  const empty = answer.statusCode === 204 || answer.statusCode === 304;
  return new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status: answer.statusCode!, headers });
}

function send(
  url: string, method: string, headers: OutgoingHttpHeaders, body: Buffer | undefined, signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers['content-length'] = body.length;
    // The gateway is never far away; a controller of others may be.
    const outgoing = url.startsWith('https:') ? process.getBuiltinModule('node:https').request(url, { method, headers, signal }) : http.request(url, { method, headers, agent, signal });
    outgoing.on('response', resolve);
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(signal.reason as Error);
      // The server closed an idle connection in the moment it was taken up again: the request never arrived.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') return resolve(send(url, method, headers, body, signal));
      reject(error);
    });
    outgoing.end(body);
  });
}

async function readAll(answer: IncomingMessage, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of answer) parts.push(part as Buffer);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
  return Buffer.concat(parts).toString();
}
