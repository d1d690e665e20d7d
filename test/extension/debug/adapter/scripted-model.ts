/** A server that answers by a script and tells tokens as vLLM does: a token is a byte, its probability made up and always the same. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';

const servers = new Set<Server>();

after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

interface Asked {
  messages: { role: string; content: string }[];
  temperature: number;
  max_tokens: number;
}

/** Asks for the sum in its first turn and repeats what it is told in its second. */
function answerOf({ messages, max_tokens: limit }: Asked): { content: string; tool_calls?: object[]; finish: string } {
  const { role, content } = messages.at(-1)!;
  const sum = /^(\d+) \+ (\d+)$/.exec(content);
  if (role === 'user' && sum !== null) {
    const args = JSON.stringify({ a: Number(sum[1]), b: Number(sum[2]) });
    return { content: '', finish: 'tool_calls', tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: args } }] };
  }
  const said = role === 'tool' ? content : content.replace(/^say /, '');
  return said.length > limit ? { content: said.slice(0, limit), finish: 'length' } : { content: said, finish: 'stop' };
}

export async function scriptedModel(): Promise<string> {
  const server = createServer(async (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.method !== 'POST') return void response.end(JSON.stringify({ object: 'list', data: [{ id: 'scripted', owned_by: 'vllm' }] }));
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const asked = JSON.parse(Buffer.concat(parts).toString()) as Asked;
    const { finish, ...message } = answerOf(asked);
    const prompt = [...Buffer.from(asked.messages.map(({ role, content }) => `<${role}>${content}`).join(''))];
    const sampled = [...Buffer.from(message.content === '' ? JSON.stringify(message.tool_calls) : message.content)];
    response.end(JSON.stringify({
      id: 'c', object: 'chat.completion', created: 0, model: 'scripted', prompt_token_ids: prompt, usage: { prompt_tokens: prompt.length, completion_tokens: sampled.length },
      choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', ...message }, token_ids: sampled, logprobs: { content: sampled.map((id) => ({ logprob: id === 52 ? -6 : -0.25 })) } }],
    }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.add(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}
