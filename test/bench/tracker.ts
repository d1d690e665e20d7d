import { countTokens, track } from '../../runtime/tracker/index.ts';
import type { TrackedCall } from '../../runtime/tracker/index.ts';
import { dice } from '../runtime/tracker/forest.ts';
import type { Dice } from '../runtime/tracker/forest.ts';
import type { Figure } from './figure.ts';

const GROUPS = 16;
const GROUP = 8;
const TURNS = 10;

export async function bench(): Promise<Figure[]> {
  const groups = Array.from({ length: GROUPS }, (_, seed) => group(seed));
  const whole = groups.map(({ whole }) => whole);
  const added = groups.map(({ added }) => added);
  const counts = { naive: 0, episodeMerge: 0, distinct: 0 };
  for (const [k, calls] of added.entries()) {
    const { naive, episodeMerge, distinct } = countTokens(track(calls));
    const peer = mapTrie(calls).id.length;
    if (peer !== distinct) throw new Error(`group ${k}: the tree has ${distinct} nodes, the plain trie ${peer}`);
    counts.naive += naive;
    counts.episodeMerge += episodeMerge;
    counts.distinct += distinct;
  }
  return [
    speed('tracker_naive_tokens_per_second', whole, counts.naive, 20e6, 'calls with their whole prompts'),
    speed('tracker_distinct_tokens_per_second', added, counts.distinct, 2e6, 'calls with what their prompts add'),
    growth(),
    saving('tokens_vs_naive', counts.distinct, counts.naive, 'a row for each call'),
    saving('tokens_vs_episode_merge', counts.distinct, counts.episodeMerge, 'AgentJet\'s merge of the timelines of each rollout, token mode'),
  ];
}

function speed(name: string, groups: TrackedCall[][], tokens: number, atLeast: number, input: string): Figure {
  const ours = tokens / seconds(() => groups.forEach((calls) => track(calls)));
  const peer = tokens / seconds(() => groups.forEach((calls) => mapTrie(calls)));
  return {
    name, ours: Math.round(ours), peer: Math.round(peer), ratio: round(ours / peer), unit: 'tokens/s', bound: `>= ${atLeast / 1e6} M`, holds: ours >= atLeast,
    note: `${input}, nodes and targets; peer: a plain trie of one Map a token making the same tables`,
  };
}

function growth(): Figure {
  const short = conversation(200);
  const long = conversation(2000);
  const ours = seconds(() => track(long)) / (seconds(() => void Array.from({ length: 10 }, () => track(short))) / 10);
  return {
    name: 'tracker_growth_10x_turns', ours: round(ours), peer: null, ratio: null, unit: 'times the time', bound: '<= 12', holds: ours <= 12,
    note: 'one conversation of 2,000 turns against one of 200',
  };
}

function saving(name: string, ours: number, peer: number, rule: string): Figure {
  return {
    name, ours, peer, ratio: round(peer / ours), unit: 'tokens', bound: '> 1 times fewer', holds: peer > ours,
    note: `${GROUPS} groups of ${GROUP}, ${TURNS} turns, forks, retries, sub-agents; peer: ${rule}`,
  };
}

/** The best of some runs: what the code takes when nobody else has the core. */
function seconds(work: () => void): number {
  let best = Infinity;
  for (let run = 0; run < 12; run++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best / 1000;
}

/** A made-up group of tool-using rollouts, its calls once with whole prompts and once with what each adds. */
function group(seed: number): { whole: TrackedCall[]; added: TrackedCall[] } {
  const d = dice(seed);
  const task = text(d, 600);
  const subAgent = text(d, 250);
  const whole: TrackedCall[] = [];
  const added: TrackedCall[] = [];
  for (let n = 0; n < GROUP; n++) {
    const rollout = `s0t${seed}n${n}`;
    const shown: number[][] = [];
    const add = (from: number | undefined, prompt: number[]): number => {
      const call = shown.length;
      const before = from === undefined ? prompt : [...shown[from]!, ...prompt];
      const sampled = text(d, 30 + d.roll(60));
      const rest = { rollout, call, sampled, logprobs: sampled.map(() => -d.number()), advantage: n - 3.5 };
      whole.push({ ...rest, prompt: before });
      added.push({ ...rest, from, prompt });
      shown.push([...before, ...sampled]);
      return call;
    };
    let last = add(undefined, task);
    for (let turn = 1; turn < TURNS; turn++) {
      if (d.chance(0.1)) add(undefined, [...subAgent, ...text(d, 40)]);
      const result = text(d, 40 + d.roll(120));
      if (d.chance(0.1)) add(last, result);
      last = add(d.chance(0.08) ? d.roll(last) : last, result);
    }
  }
  return { whole, added };
}

function conversation(turns: number): TrackedCall[] {
  const d = dice(turns);
  return Array.from({ length: turns }, (_, call): TrackedCall => {
    const sampled = text(d, 40);
    return { rollout: 'a', call, from: call === 0 ? undefined : call - 1, prompt: text(d, 80), sampled, logprobs: sampled.map(() => -1) };
  });
}

function text(d: Dice, length: number): number[] {
  return Array.from({ length }, () => d.roll(150_000));
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

interface TrieNode { id: number; children: Map<number, TrieNode>; targets?: Map<number, { weight: number; up: number; down: number }> }

/** The peer: the same tables by the book, one object and one Map for each token. */
function mapTrie(calls: readonly TrackedCall[]): { id: number[]; position: number[]; parent: number[]; end: number[]; targets: number[][] } {
  const root: TrieNode = { id: -1, children: new Map() };
  const ends = new Map<string, TrieNode>();
  const step = (node: TrieNode, id: number): TrieNode => {
    let next = node.children.get(id);
    if (next === undefined) node.children.set(id, next = { id, children: new Map() });
    return next;
  };
  for (const call of calls) {
    let node = call.from === undefined ? root : ends.get(`${call.rollout} ${call.from}`)!;
    for (let i = 0; i < call.prompt.length; i++) node = step(node, call.prompt[i]!);
    for (let i = 0; i < call.sampled.length; i++) {
      node = step(node, call.sampled[i]!);
      node.targets ??= new Map();
      const advantage = call.advantage as number;
      const target = node.targets.get(call.logprobs![i]!) ?? { weight: 0, up: 0, down: 0 };
      target.weight++;
      target.up += Math.max(advantage, 0);
      target.down += Math.min(advantage, 0);
      node.targets.set(call.logprobs![i]!, target);
    }
    ends.set(`${call.rollout} ${call.call}`, node);
  }
  const tables: ReturnType<typeof mapTrie> = { id: [], position: [], parent: [], end: [], targets: [] };
  const open: { index: number; children: Iterator<TrieNode> }[] = [{ index: -1, children: root.children.values() }];
  while (open.length > 0) {
    const { index, children } = open.at(-1)!;
    const next = children.next();
    if (next.done === true) {
      if (index !== -1) tables.end[index] = tables.id.length;
      open.pop();
      continue;
    }
    const own = tables.id.push(next.value.id) - 1;
    tables.position.push(open.length - 1);
    tables.parent.push(index);
    tables.end.push(0);
    for (const [logprob, { weight, up, down }] of next.value.targets ?? []) tables.targets.push([own, logprob, weight, up, down]);
    open.push({ index: own, children: next.value.children.values() });
  }
  return tables;
}
