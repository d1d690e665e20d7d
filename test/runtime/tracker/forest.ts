import type { UntrainedReason } from '../../../runtime/protocol/trace.ts';
import type { TrackedCall } from '../../../runtime/tracker/index.ts';

/** Calls of a made-up group, and beside each what its policy was really shown. */
export interface Forest {
  calls: TrackedCall[];
  shown: number[][];
}

export interface Dice {
  /** From 0 up to, not including, `sides`. */
  roll(sides: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  number(): number;
}

/** mulberry32: small, seeded, the same everywhere. */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  const roll = (sides: number): number => Math.floor(number() * sides);
  return { number, roll, chance: (probability) => number() < probability, pick: (from) => from[roll(from.length)]! };
}

export function shuffled<T>(items: readonly T[], { roll }: Dice): T[] {
  const left = [...items];
  return items.map(() => left.splice(roll(left.length), 1)[0]!);
}

/** A number in [0, 1) that depends on nothing but the text and the salt: the made-up model. */
export function hashed(text: readonly number[], salt: number): number {
  let hash = 2166136261 ^ Math.imul(salt, 0x9e3779b1);
  for (const id of text) hash = Math.imul(hash ^ (id + 1), 16777619);
  return dice(hash).number();
}

export const EOS = 0;
const HEADER = [1, 2];
const SYSTEMS = [[1, 3, 3, 4], [1, 3, 5]];
const TOOLS = [20, 21];
const REASONS: UntrainedReason[] = ['role-not-a-target', 'rollout-failed', 'over-long', 'undelivered', 'intervened', 'no-reward', 'stale', 'validation'];

interface Made {
  call: number;
  /** As given: `from` and a tail, or the whole prompt. */
  from?: number;
  prompt: number[];
  shown: number[];
  sampled: number[];
  logprobs: number[];
}

/**
 * A group as agents make them: conversations, forks, retries, sub-agents, samples that happen to be identical, equal text with different
 * tool calls, truncated answers, rewritten and drifted history, undelivered answers. Few distinct ids, so that much collides.
 */
export function forest(seed: number): Forest {
  const d = dice(seed);
  const task = tokens(d, 4);
  const calls: TrackedCall[] = [];
  const shown: number[][] = [];
  const others: Made[] = [];
  for (let rollout = d.roll(4) + 1; rollout > 0; rollout--) {
    const made: Made[] = [];
    const failed = d.chance(0.1);
    const advantage = d.chance(0.15) ? 0 : d.number() * 4 - 2;
    for (let call = 0, count = d.roll(7) + 1; call < count; call++) {
      const one = next(d, call * 2, task, made, others);
      made.push(one);
      others.push(one);
      const { sampled, logprobs } = one;
      const why = failed ? 'rollout-failed' : d.chance(0.15) ? d.pick(REASONS) : undefined;
      calls.push({
        rollout: `n${rollout}`, call: one.call, from: one.from, prompt: array(d, one.prompt), sampled: array(d, sampled), why,
        logprobs: d.chance(0.05) ? undefined : logprobs,
        advantage: d.chance(0.2) ? sampled.map(() => d.number() - 0.5) : advantage,
        weight: d.chance(0.2) ? sampled.map(() => d.number() + 0.01) : 1 / (rollout + 1),
      });
      shown.push(one.shown);
    }
  }
  return { calls, shown };
}

function next(d: Dice, call: number, task: readonly number[], made: readonly Made[], others: readonly Made[]): Made {
  const kind = made.length === 0 ? 'start' : d.pick(['start', 'continue', 'continue', 'continue', 'continue', 'fork', 'retry', 'sub-agent', 'strip', 'drift'] as const);
  const before = made.length === 0 ? undefined : kind === 'continue' ? made.at(-1)! : d.pick(made);
  const answer = (shown: number[], given: { from?: number; prompt: number[] }): Made => ({ call, shown, ...given, ...sample(d, shown, others) });
  if (before === undefined || kind === 'start' || kind === 'sub-agent') {
    const shown = kind === 'sub-agent' ? [...SYSTEMS[1]!, ...tokens(d, 3), ...HEADER] : [...SYSTEMS[0]!, ...task, ...HEADER];
    return answer(shown, { prompt: shown });
  }
  if (kind === 'retry') return answer(before.shown, d.chance(0.5) ? { from: before.from, prompt: before.prompt } : { prompt: before.shown });
  // what a template writes after an answer that was cut off: the end token nobody sampled
  const closing = before.sampled.at(-1) === EOS ? [] : [EOS];
  const tail = d.chance(0.1) ? [] : [...closing, ...tokens(d, 3), ...HEADER];
  if (kind === 'strip' || kind === 'drift') {
    const echoed = kind === 'strip' ? before.sampled.slice(1) : before.sampled.length > 1 ? [9, ...before.sampled.slice(2)] : [9];
    const shown = [...before.shown, ...echoed, ...tail, ...HEADER];
    return answer(shown, { prompt: shown });
  }
  const shown = [...before.shown, ...before.sampled, ...tail];
  return answer(shown, d.chance(0.6) ? { from: before.call, prompt: tail } : { prompt: shown });
}

function sample(d: Dice, shown: readonly number[], others: readonly Made[]): { sampled: number[]; logprobs: number[] } {
  const twin = others.find((other) => other.shown.length === shown.length && other.shown.every((id, i) => id === shown[i]));
  if (twin !== undefined && d.chance(0.7)) {
    // the same words again, sometimes with another tool call at the end, sometimes from a sampler that rounds differently
    const sampled = d.chance(0.3) ? [...twin.sampled.slice(0, -1), d.pick(TOOLS)] : twin.sampled;
    if (d.chance(0.2)) return { sampled, logprobs: sampled.map(() => -Math.fround(d.number())) };
    return { sampled, logprobs: told(shown, sampled) };
  }
  const sampled = d.chance(0.04) ? [] : [...tokens(d, 5), ...d.chance(0.2) ? [d.pick(TOOLS)] : [], ...d.chance(0.8) ? [EOS] : []];
  return { sampled, logprobs: told(shown, sampled) };
}

function told(shown: readonly number[], sampled: readonly number[]): number[] {
  return sampled.map((_, i) => -Math.fround(3 * hashed([...shown, ...sampled.slice(0, i + 1)], 1)));
}

function tokens(d: Dice, most: number): number[] {
  return Array.from({ length: d.roll(most) + 1 }, () => 6 + d.roll(3));
}

function array(d: Dice, ids: number[]): ArrayLike<number> {
  return d.chance(0.5) ? ids : Int32Array.from(ids);
}
