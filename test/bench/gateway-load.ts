/** Agents in a process of their own, over raw sockets so that they take little of the machine: each plays rollout after rollout of tool calls. */
import { connect } from 'node:net';

export interface Load {
  port: number;
  token: string;
  clients: number;
  /** Calls of one rollout; its last prompt has twice as many messages. */
  turns: number;
  /** Rollouts of each client; absent: until the time is over. */
  rollouts?: number;
  milliseconds?: number;
  tools: unknown[];
  system: string;
  question: string;
  result: string;
}

export interface LoadResult {
  calls: number;
  failed: number;
  milliseconds: number;
  p50: number;
  p99: number;
}

/** The rollouts of a client are known to both sides by these names. */
export const rolloutName = (client: number, number: number): string => `c${client}r${number}`;

process.on('message', (load: Load) => {
  void run(load).then((result) => process.send!(result));
});

async function run(load: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const start = performance.now();
  const failed = await Promise.all(Array.from({ length: load.clients }, (_, client) => play(load, client, start + (load.milliseconds ?? Infinity), latencies)));
  const milliseconds = performance.now() - start;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)]!;
  return { calls: latencies.length, failed: failed.reduce((sum, count) => sum + count, 0), milliseconds, p50: at(0.5), p99: at(0.99) };
}

/** One client: resolves to the number of its calls that failed. */
function play(load: Load, client: number, until: number, latencies: number[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, '127.0.0.1');
    let failed = 0;
    let rollout = 0;
    let messages: unknown[] = [];
    let turn = 0;
    let began = 0;
    let received = '';
    const begin = (): void => {
      turn = 0;
      messages = [{ role: 'system', content: load.system }, { role: 'user', content: `${load.question} (${client}.${rollout})` }];
    };
    const ask = (): void => {
      const body = JSON.stringify({ model: 'm', messages, tools: load.tools });
      const path = `/run/bench/rollout/${rolloutName(client, rollout)}/attempt/1/role/main/v1/chat/completions`;
      began = performance.now();
      socket.write(`POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${load.port}\r\nauthorization: Bearer ${load.token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    };
    const answered = (body: string): void => {
      latencies.push(performance.now() - began);
      const { message } = (JSON.parse(body) as { choices: [{ message: { tool_calls: [{ id: string }] } }] }).choices[0];
      messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: `${load.result} (${turn})` });
      if (++turn < load.turns) return;
      rollout++;
      begin();
    };
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('connect', () => {
      begin();
      ask();
    });
    socket.on('data', (data) => {
      received += data.toString();
      const headEnd = received.indexOf('\r\n\r\n') + 4;
      if (headEnd === 3 || Buffer.byteLength(received) < headEnd + Number(/content-length: (\d+)/i.exec(received)![1])) return;
      const [ok, body] = [received.startsWith('HTTP/1.1 200'), received.slice(headEnd)];
      received = '';
      if (ok) answered(body);
      else failed++;
      if (rollout < (load.rollouts ?? Infinity) && performance.now() < until && failed === 0) return ask();
      socket.destroy();
      resolve(failed);
    });
  });
}
