/** What a model call costs on its way through the gateway: policy and tools take no time, everything else is real. */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGateway, type Gateway } from '../../runtime/gateway/server.ts';
import { TRACE_VERSION, type CallRecord, type RolloutPlace } from '../../runtime/protocol/trace.ts';
import { createRun, type RunWriter } from '../../runtime/trace/writer.ts';
import type { Figure } from './figure.ts';
import { rolloutName, type Load, type LoadResult } from './gateway-load.ts';
import { ScriptedPolicy } from './scripted.ts';

/** Prompts of 2, 4, ... 18 messages: 10 on average. */
const TURNS = 9;

const tool = (name: string, description: string): object => ({
  type: 'function',
  function: { name, description, parameters: { type: 'object', properties: { query: { type: 'string', description: 'What to look for.' }, limit: { type: 'integer' } }, required: ['query'] } },
});
const agent = {
  tools: [tool('find', 'Finds things in the drawers and tells where they lie.'), tool('open', 'Opens a drawer and tells what is in it.')],
  system: 'You look after a chest of drawers. Look into the drawers before you answer, and say only what you have seen there.',
  question: 'How many of the things in the second drawer are older than the ones in the third, and which is the oldest of them all?',
  result: '{"drawer": 2, "things": ["a compass, 1911", "a letter, 1934", "two coins, 1902"], "more": false}',
};
const ANSWER = 'I look into the next one. <tool_call>\n{"name": "open", "arguments": {"query": "drawer", "limit": 5}}\n</tool_call>';

export async function bench(): Promise<Figure[]> {
  const peer = await bareServer();
  const figures: Figure[] = [];
  {
    await using world = await openWorld();
    await world.drive({ clients: 64, milliseconds: 3_000 });
    const ours = await world.drive({ clients: 64, milliseconds: 8_000 });
    const bare = await load({ port: peer.port, token: '', clients: 64, turns: TURNS, milliseconds: 4_000, ...agent });
    figures.push(throughput(ours, bare));
  }
  {
    await using world = await openWorld();
    await world.drive({ clients: 1, milliseconds: 2_000 });
    const ours = await world.drive({ clients: 1, milliseconds: 4_000 });
    const bare = await load({ port: peer.port, token: '', clients: 1, turns: TURNS, milliseconds: 2_000, ...agent });
    figures.push(overhead(ours, bare));
  }
  figures.push(await memory());
  await peer.close();
  return figures;
}

function throughput(ours: LoadResult, bare: LoadResult): Figure {
  const [mine, theirs] = [ours, bare].map(({ calls, milliseconds }) => Math.round((calls / milliseconds) * 1000)) as [number, number];
  return {
    name: 'calls_per_second_64', ours: mine, peer: theirs, ratio: round(mine / theirs), unit: 'calls/s', bound: '>= 1500', holds: mine >= 1500,
    note: `rollouts of ${TURNS} tool calls, 10 messages a prompt on average, journal and trace on disk; p50 ${round(ours.p50)} ms, p99 ${round(ours.p99)} ms; peer: node:http that reads the JSON and answers a constant`,
  };
}

function overhead(ours: LoadResult, bare: LoadResult): Figure {
  return {
    name: 'call_overhead_p50_ms_1', ours: round(ours.p50), peer: round(bare.p50), ratio: round(ours.p50 / bare.p50), unit: 'ms', bound: '<= 3', holds: ours.p50 <= 3,
    note: `the whole way from request to answer, one at a time; p99 ${round(ours.p99)} ms; peer as above`,
  };
}

const OPEN = 1000;
const CALLS = 5;
const MEMORY_BOUND = 256 * 1024;

/** The resident memory that open rollouts take: after their calls, all garbage collected. A few before them load what is loaded once. */
async function memory(): Promise<Figure> {
  await using world = await openWorld(CALLS);
  await world.drive({ clients: 10, rollouts: 10 });
  world.closeAll();
  const before = resident();
  await world.drive({ clients: OPEN, rollouts: 1 });
  const each = Math.round((resident() - before) / OPEN);
  return {
    name: 'memory_per_rollout_1000', ours: each, peer: null, ratio: null, unit: 'bytes', bound: `<= ${MEMORY_BOUND}`, holds: each <= MEMORY_BOUND,
    note: `resident memory for each of ${OPEN} open rollouts after ${CALLS} calls with growing history; bound: a thousand rollouts in a quarter of a gigabyte`,
  };
}

function resident(): number {
  if (globalThis.gc === undefined) throw new Error('Run with --expose-gc.');
  for (let times = 0; times < 3; times++) globalThis.gc();
  return process.memoryUsage.rss();
}

interface BenchWorld extends AsyncDisposable {
  closeAll(): void;
  drive(load: Pick<Load, 'clients' | 'milliseconds' | 'rollouts'>): Promise<LoadResult>;
}

/** A gateway with a journal and trace on disk. When a rollout has made its calls it is sealed, and its client's next one is opened. */
async function openWorld(turns = TURNS): Promise<BenchWorld> {
  const root = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
  const gateway = await startGateway();
  const writer = await createRun(root, { project: 'bench', experiment: 'gateway', kind: 'rollout', conf: '', config: {}, workflow: 'bench', policy: 'scripted', planned: 0 });
  const rollouts = new Rollouts(gateway, writer, turns);
  return {
    closeAll: () => rollouts.closeAll(),
    async drive(more) {
      for (let client = 0; client < more.clients; client++) rollouts.open(client, 0);
      const result = await load({ port: Number(new URL(gateway.url).port), token: gateway.token, turns, ...agent, ...more });
      if (more.milliseconds !== undefined) rollouts.closeAll();
      return result;
    },
    async [Symbol.asyncDispose]() {
      rollouts.closeAll();
      await gateway.stop();
      await writer.close();
      await rm(root, { recursive: true });
    },
  };
}

class Rollouts {
  readonly #gateway: Gateway;
  readonly #writer: RunWriter;
  readonly #turns: number;
  readonly #policy = new ScriptedPolicy(ANSWER);
  readonly #open = new Map<string, RolloutPlace>();
  /** Names in the trace are unique, those in the paths begin anew with each load. */
  #count = 0;

  constructor(gateway: Gateway, writer: RunWriter, turns: number) {
    this.#gateway = gateway;
    this.#writer = writer;
    this.#turns = turns;
  }

  open(client: number, number: number): void {
    const rollout = rolloutName(client, number);
    const place: RolloutPlace = { run: 'bench', rollout, step: 0, split: 'training', taskIndex: client, taskId: String(client), sample: number };
    const stored = { ...place, rollout: `n${this.#count++}` };
    void this.#writer.journal.begin(stored, 1);
    this.#open.set(rollout, stored);
    let calls = 0;
    this.#gateway.open({
      place, attempt: 1, seed: 1, mode: 'train', sampling: { temperature: 1, topP: 1, topK: -1, maxTokens: 512 },
      route: () => ({ policy: this.#policy, target: true, label: this.#policy.label }),
      onCall: (call) => {
        calls++;
        if (calls === 1 && number > 0) this.#seal(rolloutName(client, number - 1));
        if (calls === this.#turns) this.open(client, number + 1);
        return this.#writer.journal.call(stored.rollout, 1, call);
      },
    });
  }

  closeAll(): void {
    for (const rollout of this.#open.keys()) this.#gateway.close({ run: 'bench', rollout }, 1);
    this.#open.clear();
  }

  #seal(rollout: string): void {
    const place = this.#open.get(rollout)!;
    this.#open.delete(rollout);
    const calls: CallRecord[] = this.#gateway.close({ run: 'bench', rollout }, 1);
    void this.#writer.seal({
      v: TRACE_VERSION, ...place, attempt: 1, workflow: 'bench', task: {}, status: 'finished', reward: 1, success: true, metadata: {},
      started: new Date().toISOString(), duration: calls.at(-1)!.start, calls, tools: [],
    });
  }
}

function load(what: Load): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./gateway-load.ts', import.meta.url)), { execArgv: [] });
    child.once('message', (result: LoadResult) => {
      child.kill();
      if (result.failed === 0) resolve(result);
      else reject(new Error(`${result.failed} of ${result.calls + result.failed} calls failed.`));
    });
    child.send(what);
  });
}

async function bareServer(): Promise<{ port: number; close: () => Promise<void> }> {
  const answer = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'I look.', tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'open', arguments: '{"query":"drawer"}' } }] } }] });
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => {
      JSON.parse(Buffer.concat(parts).toString());
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
