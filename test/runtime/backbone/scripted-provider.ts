/** An OpenAI-compatible server on loopback that answers every call the same way, for want of a provider. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';

export interface Seen {
  authorization: string | undefined;
  body: { model: string; messages: { content: string }[] };
}

export interface ScriptedProvider {
  baseURL: string;
  requests: Seen[];
}

const servers = new Set<Server>();

after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

export async function scriptedProvider(answer: (seen: Seen) => string | { status: number; error: string }): Promise<ScriptedProvider> {
  const requests: Seen[] = [];
  const server = createServer(async (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'POST') return void response.end(JSON.stringify({ object: 'list', data: [] }));
    const seen: Seen = { authorization: request.headers.authorization, body: JSON.parse(await text(request)) as Seen['body'] };
    requests.push(seen);
    const said = answer(seen);
    if (typeof said !== 'string') {
      response.statusCode = said.status;
      return void response.end(JSON.stringify({ error: { message: said.error, type: 'invalid_request_error' } }));
    }
    response.end(JSON.stringify({
      id: 'c', object: 'chat.completion', created: 0, model: seen.body.model,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: said } }],
      usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
    }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.add(server);
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, requests };
}

async function text(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
