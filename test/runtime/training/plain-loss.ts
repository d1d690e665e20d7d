/** The loss of a step by the plainest means, token by token from the records, and the same from packs: what any layout must agree on. */
import type { Pack } from '../../../runtime/tracker/index.ts';
import type { CallRecord, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { hashed } from '../tracker/forest.ts';

const CLIP_LOW = 0.2;
const CLIP_HIGH = 0.28;
const DUAL = 3;

/** A made-up policy: the ratio now / then of a token depends on all it could see, and on nothing else. */
function ratioAfter(context: readonly number[], id: number): number {
  return Math.exp(3 * (hashed([...context, id], 1) - 0.5));
}

function entropyAfter(context: readonly number[]): number {
  return hashed(context, 2);
}

/** -min(r A, clip(r) A), with the dual clip for A < 0. */
function clipped(ratio: number, advantage: number): number {
  const plain = Math.max(-ratio * advantage, -Math.min(Math.max(ratio, 1 - CLIP_LOW), 1 + CLIP_HIGH) * advantage);
  return advantage < 0 ? Math.min(plain, -DUAL * advantage) : plain;
}

export interface PlainToken {
  rollout: string;
  /** The conversation it belongs to: a chain of calls that each continue the one before. */
  row: string;
  context: number[];
  id: number;
  advantage: number;
}

/** Every token that a call to a trained role sampled, with what the policy saw. */
export function tokensOf(records: readonly RolloutRecord[], advantage: (record: RolloutRecord, call: CallRecord) => number | undefined): PlainToken[] {
  const tokens: PlainToken[] = [];
  for (const record of records) {
    const shown = new Map<number, { text: number[]; row: string }>();
    for (const call of record.calls) {
      const { from, tail, sampled } = call.tokens!;
      const before = from === null ? { text: [], row: `${record.rollout}/${call.index}` } : shown.get(from)!;
      const context = [...before.text, ...tail];
      shown.set(call.index, { text: [...context, ...sampled], row: before.row });
      const value = advantage(record, call);
      if (value === undefined || !call.target) continue;
      for (const [i, id] of sampled.entries()) tokens.push({ rollout: record.rollout, row: before.row, context: [...context, ...sampled.slice(0, i)], id, advantage: value });
    }
  }
  return tokens;
}

export interface Loss {
  policy: number;
  entropy: number;
}

/** Mean over tokens, or over units (rollouts, rows) of the mean over their tokens. */
export function plainLoss(tokens: readonly PlainToken[], unit: ((token: PlainToken) => string) | 'token'): Loss {
  const units = unit === 'token' ? tokens.map((token) => [token]) : [...Map.groupBy(tokens, unit).values()];
  const over = (of: (token: PlainToken) => number): number => units.reduce((sum, own) => sum + own.reduce((part, token) => part + of(token), 0) / own.length, 0) / Math.max(1, units.length);
  return { policy: over(({ context, id, advantage }) => clipped(ratioAfter(context, id), advantage)), entropy: over(({ context }) => entropyAfter(context)) };
}

/** As a trainer computes it: from the columns of the packs alone. */
export function packedLoss(packs: readonly Pack[], denominator: number): Loss {
  let policy = 0;
  let entropy = 0;
  for (const { length, nodes, targets } of packs) {
    for (const [i, node] of targets.node.entries()) {
      const row = Math.floor(node / length) * length;
      const context: number[] = [];
      for (let at = nodes.parent[node]!; at !== -1; at = nodes.parent[row + at]!) context.unshift(nodes.id[row + at]!);
      const ratio = ratioAfter(context, nodes.id[node]!);
      policy += -targets.up[i]! * Math.min(ratio, 1 + CLIP_HIGH) - targets.down[i]! * Math.min(Math.max(ratio, 1 - CLIP_LOW), DUAL);
      entropy += targets.weight[i]! * entropyAfter(context);
    }
  }
  return { policy: policy / denominator, entropy: entropy / denominator };
}

export function differ(a: Loss, b: Loss): number {
  return Math.max(Math.abs(a.policy - b.policy), Math.abs(a.entropy - b.entropy));
}
