import type { UntrainedReason } from '../protocol/trace.ts';
import type { PlacedCall } from './call.ts';
import type { TokenTree } from './tree.ts';

export interface TokenCounts {
  /** Tokens of all calls, each with its whole prompt: one row for each call. */
  naive: number;
  /** What AgentJet's merge of timelines leaves, one rollout at a time, in its exact (token) mode. */
  episodeMerge: number;
  /** Distinct tokens in context: the nodes. */
  distinct: number;
  sampled: number;
  /** Sampled tokens that count, and how many targets they became. */
  trained: number;
  targets: number;
  /** Sampled tokens that don't, by reason. */
  untrained: Partial<Record<UntrainedReason, number>>;
}

export function countTokens(tree: TokenTree): TokenCounts {
  const { nodes, calls, sampled, targets } = tree;
  const counts: TokenCounts = {
    naive: 0, episodeMerge: 0, distinct: nodes.id.length,
    sampled: sampled.node.length, trained: targets.tokens.length, targets: targets.node.length, untrained: {},
  };
  for (const [index, call] of calls.entries()) {
    const length = call.last === -1 ? 0 : nodes.position[call.last]! + 1;
    counts.naive += length;
    if (!absorbed(tree, calls, index)) counts.episodeMerge += length;
    if (call.why !== undefined) counts.untrained[call.why] = (counts.untrained[call.why] ?? 0) + call.end - call.begin;
  }
  return counts;
}

/** A timeline is merged away when a later one of its rollout starts with all of it. The next call usually does, so this ends early. */
function absorbed({ nodes }: TokenTree, calls: readonly PlacedCall[], index: number): boolean {
  const { rollout, last } = calls[index]!;
  if (last === -1) return true;
  for (let later = index + 1; later < calls.length && calls[later]!.rollout === rollout; later++) {
    const other = calls[later]!.last;
    if (last <= other && other < nodes.end[last]!) return true;
  }
  return false;
}
