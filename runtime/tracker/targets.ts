import { valueAt } from './call.ts';
import type { PlacedCall } from './call.ts';

/** One row for each token any call sampled. Its target, or -1 and then its call's `why`. */
export interface SampledTokens {
  node: Int32Array;
  /** Index into `calls`. */
  call: Int32Array;
  /** NaN where the token isn't trained: absent, never 0. */
  logprob: Float32Array;
  target: Int32Array;
}

/**
 * What is trained. Sampled tokens at one node with one logprob are one target: the clipped objective, dual clip too, is positively
 * homogeneous in the advantage, so its sums are exact.
 */
export interface Targets {
  /** Rising; its id is the token to predict, from the logits at its parent. */
  node: Int32Array;
  /** As the policy told it when it sampled. */
  sampledLogprob: Float32Array;
  /** The trainer's own before the first update, and the reference model's. NaN until a trainer has scored them. */
  oldLogprob: Float32Array;
  refLogprob: Float32Array;
  /** Sum of weights, for KL and entropy. */
  weight: Float64Array;
  /** Sum of weight * max(advantage, 0). */
  up: Float64Array;
  /** Sum of weight * min(advantage, 0). */
  down: Float64Array;
  /** Where it comes from: rows `tokens[begin[t]]` up to, not including, `tokens[begin[t + 1]]` of the table of sampled tokens. */
  begin: Int32Array;
  tokens: Int32Array;
}

export function gatherTargets(nodes: number, calls: readonly PlacedCall[], sampled: SampledTokens): { targets: Targets; target: Int32Array } {
  const tokens = byNodeAndLogprob(nodes, calls, sampled);
  const target = new Int32Array(sampled.node.length).fill(-1);
  let count = 0;
  for (let i = 0; i < tokens.length; i++) {
    if (i > 0 && !sameTarget(sampled, tokens[i - 1]!, tokens[i]!)) count++;
    target[tokens[i]!] = count;
  }
  if (tokens.length > 0) count++;

  const targets: Targets = {
    node: new Int32Array(count),
    sampledLogprob: new Float32Array(count), oldLogprob: new Float32Array(count).fill(NaN), refLogprob: new Float32Array(count).fill(NaN),
    weight: new Float64Array(count), up: new Float64Array(count), down: new Float64Array(count),
    begin: new Int32Array(count + 1), tokens,
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const at = target[token]!;
    const call = calls[sampled.call[token]!]!;
    const advantage = valueAt(call.advantage, token - call.begin);
    const weight = valueAt(call.weight, token - call.begin);
    targets.node[at] = sampled.node[token]!;
    targets.sampledLogprob[at] = sampled.logprob[token]!;
    targets.weight[at]! += weight;
    if (advantage > 0) targets.up[at]! += weight * advantage;
    else targets.down[at]! += weight * advantage;
    targets.begin[at + 1] = i + 1;
  }
  return { targets, target };
}

/** All trained tokens, by node, then by logprob, then in canonical order: sums come out the same to the last bit. */
function byNodeAndLogprob(nodes: number, calls: readonly PlacedCall[], { node, logprob }: SampledTokens): Int32Array {
  const next = new Int32Array(nodes + 1);
  for (const call of calls) {
    if (call.why === undefined) for (let token = call.begin; token < call.end; token++) next[node[token]! + 1]!++;
  }
  for (let i = 0; i < nodes; i++) next[i + 1]! += next[i]!;
  const order = new Int32Array(next[nodes]!);
  for (const call of calls) {
    if (call.why === undefined) for (let token = call.begin; token < call.end; token++) order[next[node[token]!]!++] = token;
  }
  for (let i = 0; i < order.length;) {
    const begin = i;
    let equal = true;
    for (i++; i < order.length && node[order[i]!] === node[order[begin]!]; i++) equal &&= logprob[order[i]!] === logprob[order[begin]!];
    if (!equal) order.subarray(begin, i).sort((a, b) => logprob[b]! - logprob[a]!);
  }
  return order;
}

function sameTarget({ node, logprob }: SampledTokens, a: number, b: number): boolean {
  return node[a] === node[b] && logprob[a] === logprob[b];
}
