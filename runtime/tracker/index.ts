/**
 * The tracker: model calls in, what to train out.
 *
 * Agents call a model many times with prompts that mostly repeat each other: turns of one conversation, retries, forks, sub-agents, and
 * eight rollouts of the same task. All calls of a group go into one tree of token ids, so that shared context is stored, and later computed,
 * once; and every token the policy sampled is booked exactly once, as part of a training target or with the reason why it is none.
 *
 * ```ts
 * import { track, weigh, layOut, pack, decoderCost } from 'tuning-fork/tracker';
 *
 * const tree = track([
 *   { rollout: 'a', call: 0, prompt: [1, 2, 3], sampled: [7, 8, 0], logprobs: [-0.1, -0.2, -0.3] },
 *   { rollout: 'a', call: 1, from: 0, prompt: [4, 5], sampled: [9, 0], logprobs: [-1.2, -0.1] },   // saw 1 2 3 7 8 0 4 5
 *   { rollout: 'b', call: 0, prompt: [1, 2, 3], sampled: [7, 6, 0], logprobs: [-0.1, -2.5, -0.4] },
 * ]);
 * tree.nodes.id;          // 1 2 3 7 8 0 4 5 9 0 6 0: depth-first, 1 2 3 7 shared by both rollouts
 * tree.targets.node;      // 3 4 5 8 9 10 11: the first 7 is one target, sampled twice with one logprob
 *
 * const weighed = weigh(tree, ({ rollout }) => ({ advantage: rollout === 'a' ? 1 : -1, weight: 1 / 8 }));   // or a reason: 'no-spread'
 * const { pieces } = layOut(weighed, { engine: decoderCost(model), maxTokens: 4096 });
 * const batch = pack(pieces);
 * ```
 *
 * Two tables come out of it. **Nodes** are context: token j is visible from token i exactly when `j <= i && i < end[j]`, and the logits
 * that predict a node are at its parent. **Targets** are what is trained, each at a node, with the sums a clipped objective needs. Their
 * context is token for token what the policy saw, whatever the agent did to its history in between: `verify(tree, calls)` proves it.
 *
 * - `callsOf` reads stored rollouts; `weigh` fills in what only a whole group or batch can tell.
 * - `layOut` cuts the tree into the cheapest sequences by a cost model, for models with tree masks or without; `pack` makes a batch of them.
 * - `toRows` gives masked rows, one rollout at a time, for engines that know nothing of trees; `countTokens` what each way costs.
 */
export type { Credit, PerToken, PlacedCall, TrackedCall } from './call.ts';
export type { Nodes } from './radix.ts';
export { track, weigh } from './tree.ts';
export type { TokenTree } from './tree.ts';
export type { SampledTokens, Targets } from './targets.ts';
export { callsOf, whyUntrained } from './records.ts';
export { verify } from './verify.ts';
export { countTokens } from './count.ts';
export type { TokenCounts } from './count.ts';
export { toRows } from './rows.ts';
export type { Row } from './rows.ts';
export { decoderCost } from './cost.ts';
export type { EngineCost } from './cost.ts';
export { layOut } from './pieces.ts';
export type { Layout, LayoutOptions, Piece } from './pieces.ts';
export { pack } from './pack.ts';
export type { Pack, PackTargets } from './pack.ts';
