import { valueAt } from './call.ts';
import type { PlacedCall } from './call.ts';
import type { Nodes } from './radix.ts';
import type { TokenTree } from './tree.ts';

/** One linear sequence of one rollout, as engines without tree masks train it. All columns have a value for each token. */
export interface Row {
  rollout: string;
  /** The calls trained in this row. */
  calls: number[];
  id: Int32Array;
  /** 1 exactly where a token of `calls` was sampled. */
  mask: Uint8Array;
  /** These three are 0 where the mask is 0, as such engines expect. */
  logprob: Float32Array;
  advantage: Float64Array;
  weight: Float64Array;
  /** Tokens before the first that is trained. */
  promptLength: number;
}

/**
 * Rows with a mask, the way AgentJet and verl lay a rollout out, with each trained token of each rollout in exactly one of them: a call shared by two
 * branches is trained in one and context in the other, and a call sampled twice word for word takes a row of its own.
 */
export function toRows(tree: TokenTree): Row[] {
  const rows: Row[] = [];
  const { calls } = tree;
  for (let begin = 0; begin < calls.length;) {
    let end = begin + 1;
    while (end < calls.length && calls[end]!.rollout === calls[begin]!.rollout) end++;
    const trained = calls.slice(begin, end).filter((call) => call.why === undefined && call.end > call.begin);
    for (const branch of branchesOf(tree.nodes, trained)) rows.push(rowOf(tree, branch));
    begin = end;
  }
  return rows;
}

interface Branch {
  last: number;
  /** Tokens from this position on are taken by a call. */
  free: number;
  calls: PlacedCall[];
}

/** Deepest calls first: each opens a branch or joins one that passes through it, where its tokens are still free. */
function branchesOf({ position, end }: Nodes, calls: readonly PlacedCall[]): Branch[] {
  const branches: Branch[] = [];
  const deepestFirst = [...calls].sort((a, b) => position[b.last]! - position[a.last]! || a.last - b.last || a.call - b.call);
  for (const call of deepestFirst) {
    const { last } = call;
    const joined = branches.find((branch) => last <= branch.last && branch.last < end[last]! && position[last]! < branch.free);
    const branch = joined ?? { last, free: 0, calls: [] };
    if (joined === undefined) branches.push(branch);
    branch.free = position[last]! + 1 - (call.end - call.begin);
    branch.calls.push(call);
  }
  for (const branch of branches) branch.calls.sort((a, b) => a.call - b.call);
  return branches.sort((a, b) => a.calls[0]!.call - b.calls[0]!.call || a.last - b.last);
}

function rowOf({ nodes, sampled }: TokenTree, { last, calls }: Branch): Row {
  const length = nodes.position[last]! + 1;
  const row: Row = {
    rollout: calls[0]!.rollout,
    calls: calls.map((call) => call.call),
    id: new Int32Array(length), mask: new Uint8Array(length), logprob: new Float32Array(length),
    advantage: new Float64Array(length), weight: new Float64Array(length),
    promptLength: length,
  };
  for (let node = last, at = length - 1; at >= 0; node = nodes.parent[node]!, at--) row.id[at] = nodes.id[node]!;
  for (const call of calls) {
    for (let token = call.begin; token < call.end; token++) {
      const at = nodes.position[sampled.node[token]!]!;
      row.mask[at] = 1;
      row.logprob[at] = sampled.logprob[token]!;
      row.advantage[at] = valueAt(call.advantage, token - call.begin);
      row.weight[at] = valueAt(call.weight, token - call.begin);
      row.promptLength = Math.min(row.promptLength, at);
    }
  }
  return row;
}
