/** An OpenAI-compatible server on loopback that says what a test wrote down, in that order. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import type { ChatMessage, ToolDefinition } from '../../../runtime/protocol/chat.ts';
import type { DefaultModel } from '../../../runtime/protocol/worker.ts';
import { ModelTuner, type TunerOptions } from '../../../runtime/sdk/index.ts';

export interface SeenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: { model: string; messages: ChatMessage[]; tools?: ToolDefinition[]; stream?: boolean; [key: string]: unknown };
}

export type Line =
  | string
  | { calls: { name: string; args: unknown }[]; text?: string }
  | { message: object; finish?: string }
  | ((response: ServerResponse, request: SeenRequest) => unknown);

export interface ScriptedServer {
  url: string;
  requests: SeenRequest[];
  say(...lines: Line[]): void;
}

export async function scriptedServer(): Promise<ScriptedServer> {
  const lines: Line[] = [];
  const requests: SeenRequest[] = [];
  let minted = 0;
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const seen: SeenRequest = { path: request.url!, headers: request.headers, body: JSON.parse(Buffer.concat(parts).toString()) };
    requests.push(seen);
    const line = lines.shift();
    if (line === undefined) return answer(response, 500, { error: { message: 'the script is over', code: 'internal' } });
    if (typeof line === 'function') return void line(response, seen);
    const message = typeof line === 'string' ? { content: line } : 'message' in line ? line.message : {
      content: line.text ?? '',
      tool_calls: line.calls.map(({ name, args }) => ({
        id: `call_${minted++}`, type: 'function', function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
      })),
    };
    const finish = typeof line === 'string' ? 'stop' : 'message' in line ? (line.finish ?? 'stop') : 'tool_calls';
    answer(response, 200, {
      id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: seen.body.model,
      choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/run/r1`;
  return { url, requests, say: (...more) => void lines.push(...more) };
}

export function answer(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** A tuner as the worker builds it, with what it told the backbone. */
export function tunerFor(url: string, options: Partial<TunerOptions> = {}): { tuner: ModelTuner; registered: Map<string, DefaultModel | undefined> } {
  const registered = new Map<string, DefaultModel | undefined>();
  const tuner = new ModelTuner({
    baseURL: (role) => `${url}/role/${encodeURIComponent(role)}/v1`,
    apiKey: 'secret',
    isTarget: () => true,
    register: (role, { defaultModel }) => void registered.set(role, defaultModel),
    signal: new AbortController().signal,
    config: { rollout: { num_repeat: 4 } },
    ...options,
  });
  return { tuner, registered };
}
