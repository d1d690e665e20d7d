/** Lends the models of a VS Code window to the runs it starts: an OpenAI-compatible door on this machine, open to whoever has its token. */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readCompletionRequest, type CompletionRequest } from './completion-request.ts';
import { LendingError, modelNamed, type Lender, type LentModel, type Piece } from './lender.ts';

const LARGEST_BODY = 64 * 1024 * 1024;

export interface LendingServer {
  /** With the path that OpenAI clients expect. */
  baseURL: string;
  port: number;
  close(): Promise<void>;
}

/** `port`: the one of before, so that runs that outlive a reload of the window find it again; another where it is taken. */
export async function lendModels(lender: Lender, token: string, port = 0): Promise<LendingServer> {
  const server = createServer((request, response) => void answer(lender, token, request, response));
  // A model may think for minutes before its first token.
  server.requestTimeout = 0;
  await listen(server, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return listen(server, 0);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${taken}/v1`, port: taken,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

async function answer(lender: Lender, token: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (!isToken(request.headers.authorization, token)) throw new LendingError(401, 'The token is wrong.');
    const path = new URL(request.url ?? '/', 'http://127.0.0.1').pathname;
    if (request.method === 'GET' && path === '/v1/models') {
      const models = await lender();
      return sendJson(response, 200, { object: 'list', data: models.map(({ id }) => ({ id, object: 'model', owned_by: 'vscode' })) });
    }
    if (request.method !== 'POST' || path !== '/v1/chat/completions') throw new LendingError(404, `There is no ${request.method} ${path} here.`);
    const asked = readCompletionRequest(await readBody(request));
    const models = await lender();
    const model = modelNamed(models, asked.model);
    if (model === undefined) throw new LendingError(404, `VS Code has no model "${asked.model}". It has ${models.map(({ id }) => id).join(', ') || 'none'}.`);
    await complete(model, asked, response);
  } catch (error) {
    const { status = 500, message } = error as LendingError;
    if (response.headersSent) response.destroy();
    else sendJson(response, status, { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error' } });
  }
}

async function complete(model: LentModel, asked: CompletionRequest, response: ServerResponse): Promise<void> {
  const leaving = new AbortController();
  response.once('close', () => leaving.abort());
  const answer = new Answer(model, asked);
  const pieces = model.ask(asked, leaving.signal);
  if (asked.stream) return stream(answer, pieces, response, asked.usage);
  for await (const piece of pieces) answer.add(piece);
  sendJson(response, 200, await answer.whole());
}

async function stream(answer: Answer, pieces: AsyncIterable<Piece>, response: ServerResponse, usage: boolean): Promise<void> {
  const send = (chunk: object): void => void response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  for await (const piece of pieces) {
    // Only once the model speaks: until then a refusal can still be told by its status.
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    send(answer.chunk(answer.add(piece)));
  }
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  send(answer.chunk({}, answer.finish));
  if (usage) send({ ...answer.chunk({}), choices: [], usage: await answer.usage() });
  response.end('data: [DONE]\n\n');
}

class Answer {
  readonly #model: LentModel;
  readonly #asked: CompletionRequest;
  readonly #head = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1_000) };
  readonly #calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  #text = '';

  constructor(model: LentModel, asked: CompletionRequest) {
    this.#model = model;
    this.#asked = asked;
  }

  /** What a stream tells of it. */
  add(piece: Piece): object {
    if ('text' in piece) {
      this.#text += piece.text;
      return { content: piece.text };
    }
    const { id, name, input } = piece.call;
    const call = { id, type: 'function' as const, function: { name, arguments: JSON.stringify(input) } };
    this.#calls.push(call);
    return { tool_calls: [{ index: this.#calls.length - 1, ...call }] };
  }

  get finish(): 'stop' | 'tool_calls' {
    return this.#calls.length > 0 ? 'tool_calls' : 'stop';
  }

  chunk(delta: object, finish: string | null = null): object {
    return { ...this.#head, object: 'chat.completion.chunk', model: this.#model.id, choices: [{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: finish }] };
  }

  async whole(): Promise<object> {
    const message = { role: 'assistant', content: this.#text, ...(this.#calls.length > 0 && { tool_calls: this.#calls }) };
    return { ...this.#head, object: 'chat.completion', model: this.#model.id, choices: [{ index: 0, message, finish_reason: this.finish }], usage: await this.usage() };
  }

  /** Counted from the texts: these models don't tell what they counted themselves. */
  async usage(): Promise<object> {
    const count = async (text: string): Promise<number> => (text === '' ? 0 : await this.#model.countTokens(text) ?? 0);
    const [prompt, completion] = await Promise.all([
      count(this.#asked.messages.map(({ content }) => content).join('\n')), count(this.#text + this.#calls.map((call) => call.function.arguments).join('')),
    ]);
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}

function isToken(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ''), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LARGEST_BODY) throw new LendingError(413, 'The request is too large.');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new LendingError(400, 'The request is not JSON.');
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
