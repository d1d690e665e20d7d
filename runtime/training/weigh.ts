/** How much each sampled token counts: the sum of all weights of an update, over its denominator, is the mean the configuration asks for. */
import type { TuningForkConfig } from '../protocol/config.ts';
import type { UntrainedReason } from '../protocol/trace.ts';
import { toRows, weigh, type PlacedCall, type TokenTree } from '../tracker/index.ts';

/** `rollout-constant`: as `rollout-mean`, over a constant length instead of each rollout's own, so that long answers are not favoured (Dr. GRPO). */
export type Aggregation = TuningForkConfig['trainer_common']['loss_agg_mode'] | 'rollout-constant';

export interface WeighedTree {
  tree: TokenTree;
  /** What this tree adds to the denominator of the update it is in: rollouts, tokens or rows that are trained. Those that aren't don't count. */
  units: number;
}

interface WeighOptions {
  aggregation: Aggregation;
  /** For `rollout-constant`. */
  length: number;
}

/** `credit` gives the advantage of a call's rollout, or why the call is not trained. */
export function weighTree(tree: TokenTree, credit: (call: PlacedCall) => number | UntrainedReason, { aggregation, length }: WeighOptions): WeighedTree {
  const marked = weigh(tree, (call) => {
    const given = credit(call);
    return typeof given === 'string' ? given : { advantage: given, weight: 1 };
  });
  const trained = marked.calls.filter((call) => call.why === undefined && call.end > call.begin);
  const tokensOf = new Map<string, number>();
  for (const { rollout, begin, end } of trained) tokensOf.set(rollout, (tokensOf.get(rollout) ?? 0) + end - begin);
  // A call that sampled nothing has no target; its weight is asked for and reaches none.
  const weighed = (weight: (call: PlacedCall) => number): TokenTree => weigh(marked, (call) => ({ advantage: call.advantage, weight: weight(call) }));

  switch (aggregation) {
    case 'rollout-mean':
      return { tree: weighed(({ rollout }) => 1 / (tokensOf.get(rollout) ?? 1)), units: tokensOf.size };
    case 'rollout-constant':
      return { tree: weighed(() => 1 / length), units: tokensOf.size };
    case 'token-mean':
      return { tree: marked, units: marked.targets.tokens.length };
    case 'seq-mean-token-mean': {
      const rows = toRows(marked);
      const weightOf = new Map<string, number>();
      for (const row of rows) {
        const tokens = row.mask.reduce((sum, trained) => sum + trained, 0);
        for (const call of row.calls) weightOf.set(`${row.rollout}/${call}`, 1 / tokens);
      }
      return { tree: weighed(({ rollout, call }) => weightOf.get(`${rollout}/${call}`) ?? 1), units: rows.length };
    }
  }
}
