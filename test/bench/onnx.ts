import { exec, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openOnnxPolicy, type OnnxPolicy } from '../../runtime/policy/onnx/policy.ts';
import type { Figure } from './figure.ts';

/** The embedded policy sampled by us and by transformers.js: same files, same prompts, same number of tokens, greedily. */
const directory = fileURLToPath(new URL('../../runtime/policy/embedded', import.meta.url));
const peers = fileURLToPath(new URL('./peers', import.meta.url));

const TOKENS = 128;
const CROWD = 16;
const ROUNDS = 5;

export async function bench(): Promise<Figure[]> {
  const policy = await openOnnxPolicy(directory);
  try {
    return [...await againstPeer(policy), await staggered(policy)];
  } finally {
    await policy.close();
  }
}

async function againstPeer(policy: OnnxPolicy): Promise<Figure[]> {
  const peer = await openPeers();
  try {
    const single = new Measured(), crowd = new Measured();
    await round(policy, peer.list, prompts(policy, CROWD), new Measured());  // all warm
    for (let turn = 0; turn < ROUNDS; turn++) {
      for (const prompt of prompts(policy, 4)) await round(policy, peer.list, [prompt], single);
      await round(policy, peer.list, prompts(policy, CROWD), crowd);
    }
    return [
      versus('onnx_single_vs_transformers_js', single, 1, peer.problem),
      versus('onnx_16_vs_transformers_js', crowd, 4, peer.problem),
    ];
  } finally {
    for (const { process } of peer.list) process.kill();
  }
}

class Measured {
  /** Tokens a second of each round. */
  readonly ours: number[] = [];
  /** The same for each way to run the peer. */
  readonly peers = new Map<string, number[]>();
  same = 0;
  all = 0;

  peer(way: string, speed: number): void {
    this.peers.set(way, [...this.peers.get(way) ?? [], speed]);
  }
}

async function round(policy: OnnxPolicy, list: readonly Peer[], asked: number[][], measured: Measured): Promise<void> {
  const start = performance.now();
  const answers = await Promise.all(asked.map((prompt) => sample(policy, prompt, TOKENS, 0)));
  measured.ours.push(asked.length * TOKENS / seconds(start));
  for (const peer of list) {
    const apart = await peer.generate(asked, false);
    measured.peer(peer.name, asked.length * TOKENS / apart.seconds);
    measured.all += asked.length;
    measured.same += apart.ids.filter((ids, at) => ids.join() === answers[at]!.join()).length;
    if (asked.length === 1) continue;
    // It pads on the left, which this kind of graph does not allow for: a batch counts where it says what the prompts say one by one.
    const together = await peer.generate(asked, true);
    if (together.ids.join() === apart.ids.join()) measured.peer(`${peer.name}, batched`, asked.length * TOKENS / together.seconds);
  }
}

function versus(name: string, { ours, peers, same, all }: Measured, atLeast: number, problem: string | undefined): Figure {
  const our = Math.max(...ours);
  const [way, their] = [...peers].map(([way, speeds]) => [way, Math.max(...speeds)] as const).sort((a, b) => b[1] - a[1])[0] ?? ['', null];
  const ratio = their === null ? null : Math.round(our / their * 100) / 100;
  return {
    name, ours: Math.round(our), peer: their === null ? null : Math.round(their), ratio, unit: 'tokens/s', bound: `>= ${atLeast}`,
    holds: ratio !== null && ratio >= atLeast,
    note: problem ?? `${TOKENS} tokens a prompt, the least disturbed of the rounds on both sides; the peer's best way is ${way}; ${same} of ${all} answers are the same`,
  };
}

/** 16 requests of 16 to 512 tokens, 50 ms apart: how long the slowest takes, in times of the longest alone. */
async function staggered(policy: OnnxPolicy): Promise<Figure> {
  const timed = async (prompt: number[], tokens: number): Promise<number> => {
    const start = performance.now();
    await sample(policy, prompt, tokens, 1);
    return seconds(start);
  };
  const alone: number[] = [], slowest: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    alone.push(await timed(prompts(policy, 1)[0]!, 512));
    const times = await Promise.all(prompts(policy, CROWD).map(async (prompt, at) => {
      await sleep(50 * at);
      return timed(prompt, Math.round(16 + 496 * ((at * 7) % CROWD) / (CROWD - 1)));
    }));
    slowest.push(Math.max(...times));
  }
  const [ours, peer] = [Math.min(...slowest), Math.min(...alone)];
  const ratio = Math.round(ours / peer * 100) / 100;
  return {
    name: 'onnx_staggered_16_vs_longest_alone', ours: Math.round(ours * 1000), peer: Math.round(peer * 1000), ratio,
    unit: 'ms', bound: '<= 1.5', holds: ratio <= 1.5,
    note: '16 requests of 16 to 512 tokens arriving 50 ms apart: the slowest of them; peer: 512 tokens with nothing beside them; the least disturbed of the rounds',
  };
}

async function sample(policy: OnnxPolicy, prompt: number[], tokens: number, temperature: number): Promise<number[]> {
  const { ids } = await policy.sample({
    prompt, key: BigInt(prompt.length), stopIds: new Set(), sampling: { temperature, topP: 1, topK: 0, maxTokens: tokens },
  });
  return ids;
}

let written = 0;

/** Prompts of 40 to 120 tokens that nobody has seen before: a cache would help one side only. */
function prompts(policy: OnnxPolicy, count: number): number[][] {
  return Array.from({ length: count }, (_, which) => {
    const sum = Array.from({ length: 8 + which * 2 }, (_, at) => (++written * 37 + at * 11) % 100).join(' + ');
    return policy.tokenizer.encode(policy.format.render([{ role: 'user', content: `What is ${sum}?` }], undefined, true));
  });
}

class Peer {
  readonly name: string;
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(threads: number) {
    this.name = threads === 0 ? 'its own threads' : 'one thread';
    this.process = spawn(process.execPath, [fileURLToPath(new URL('./peers/transformers-js.mjs', import.meta.url)), directory, String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  async read<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('transformers.js ended without an answer');
    return JSON.parse(value) as T;
  }

  async generate(asked: readonly number[][], batched: boolean): Promise<{ ids: number[][]; seconds: number }> {
    this.process.stdin!.write(`${JSON.stringify({ prompts: asked, tokens: TOKENS, batched })}\n`);
    return this.read();
  }
}

/** Installed on demand, so that the project's own install stays small. */
async function openPeers(): Promise<{ list: Peer[]; problem?: string }> {
  const list: Peer[] = [];
  try {
    if (!existsSync(`${peers}/node_modules/@huggingface/transformers`)) {
      await promisify(exec)('npm ci --ignore-scripts --no-audit --no-fund', { cwd: peers });
    }
    for (const threads of [0, 1]) {
      const peer = new Peer(threads);
      list.push(peer);
      await peer.read();
    }
    return { list };
  } catch (error) {
    for (const { process } of list) process.kill();
    return { list: [], problem: `no peer: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}` };
  }
}

function seconds(start: number): number {
  return (performance.now() - start) / 1000;
}

if (import.meta.main) for (const figure of await bench()) console.log(JSON.stringify(figure));
