import { TuningForkError } from '../protocol/errors.ts';
import type { UntrainedReason } from '../protocol/trace.ts';
import { canonicalOrder, checkCredit, checkLogprobs, nameOf, reasonOf } from './call.ts';
import type { Credit, PlacedCall, TrackedCall } from './call.ts';
import { Radix, ROOT } from './radix.ts';
import type { Nodes } from './radix.ts';
import { gatherTargets } from './targets.ts';
import type { SampledTokens, Targets } from './targets.ts';

/** All calls of a group as one forest of token ids, and what of it is trained. */
export interface TokenTree {
  readonly nodes: Nodes;
  /** In canonical order: by rollout, then by call. */
  readonly calls: readonly PlacedCall[];
  readonly sampled: SampledTokens;
  readonly targets: Targets;
}

/** Builds the tree of any number of calls, in any order, in time linear in their tokens. */
export function track(calls: Iterable<TrackedCall>): TokenTree {
  const ordered = [...calls].sort(canonicalOrder);
  const { nodes, last } = place(ordered);

  let size = 0;
  const placed = ordered.map((call, index): PlacedCall => {
    const begin = size;
    size += call.sampled.length;
    return {
      rollout: call.rollout, call: call.call, last: last[index]!, begin, end: size,
      why: reasonOf(call), advantage: call.advantage ?? 0, weight: call.weight ?? 1,
    };
  });
  const sampled: SampledTokens = { node: new Int32Array(size), call: new Int32Array(size), logprob: new Float32Array(size).fill(NaN), target: new Int32Array(size) };
  for (const [index, { begin, end, last, why }] of placed.entries()) {
    sampled.call.fill(index, begin, end);
    for (let token = end - 1, node = last; token >= begin; token--, node = nodes.parent[node]!) sampled.node[token] = node;
    if (why === undefined) {
      const logprobs = ordered[index]!.logprobs!;
      checkLogprobs(ordered[index]!, logprobs);
      sampled.logprob.set(logprobs, begin);
    }
  }
  return withTargets(nodes, placed, sampled);
}

/**
 * The same tree with other credit: what is known only once a group or a batch is whole (`no-spread`, `stale`, advantages, weights).
 * A call that has a reason already keeps it and isn't asked about.
 */
export function weigh(tree: TokenTree, credit: (call: PlacedCall) => Credit | UntrainedReason): TokenTree {
  const calls = tree.calls.map((call) => {
    if (call.why !== undefined) return call;
    const given = credit(call);
    return typeof given === 'string' ? { ...call, why: given } : { ...call, advantage: given.advantage, weight: given.weight };
  });
  return withTargets(tree.nodes, calls, { ...tree.sampled });
}

function withTargets(nodes: Nodes, calls: PlacedCall[], sampled: SampledTokens): TokenTree {
  for (const call of calls) if (call.why === undefined) checkCredit(call, call.end - call.begin);
  const { targets, target } = gatherTargets(nodes.id.length, calls, sampled);
  return { nodes, calls, sampled: { ...sampled, target }, targets };
}

/** Grows the tree call by call; `last` is the node each call ends with. */
function place(ordered: readonly TrackedCall[]): { nodes: Nodes; last: Int32Array } {
  const radix = new Radix();
  const edges = new Int32Array(ordered.length);
  let rollout: string | undefined;
  let ends = new Map<number, number>();
  for (const [index, call] of ordered.entries()) {
    if (call.rollout !== rollout) {
      rollout = call.rollout;
      ends = new Map();
    }
    if (ends.has(call.call)) {
      throw new TuningForkError('usage', `${nameOf(call)} is there twice.`, { next: 'Track one attempt of each rollout, and number its calls.' });
    }
    const prompt = radix.extend(startOf(call, ends), call.prompt, (at) => refuse(call, 'prompt', at));
    if (prompt === ROOT && call.sampled.length > 0) {
      throw new TuningForkError('usage', `${nameOf(call)} has sampled tokens but no prompt, so nothing can have predicted the first.`);
    }
    edges[index] = radix.extend(prompt, call.sampled, (at) => refuse(call, 'sampled', at));
    ends.set(call.call, edges[index]!);
  }
  const { nodes, last } = radix.flatten();
  return { nodes, last: edges.map((edge) => last[edge]!) };
}

function startOf(call: TrackedCall, ends: ReadonlyMap<number, number>): number {
  if (call.from === undefined) return ROOT;
  const edge = ends.get(call.from);
  if (edge === undefined || edge === ROOT) {
    throw new TuningForkError('usage', `${nameOf(call)} continues call ${call.from}, which ${edge === undefined ? 'is not an earlier call of that rollout' : 'has no tokens'}.`, {
      next: 'Give the whole prompt and leave `from` out, or track the call it names.',
    });
  }
  return edge;
}

function refuse(call: TrackedCall, part: 'prompt' | 'sampled', at: number): never {
  throw new TuningForkError('usage', `${part}[${at}] of ${nameOf(call)} is ${String(call[part][at])}, which is no token id.`, {
    next: 'Token ids are whole numbers from 0 to 2147483647.',
  });
}
