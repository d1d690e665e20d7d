/** Rewards of a step become one advantage for each rollout, before anything is split into calls, rows or packs. */
import { TuningForkError } from '../protocol/errors.ts';
import type { TuningForkConfig } from '../protocol/config.ts';

export type Estimator = TuningForkConfig['trainer_common']['algorithm']['adv_estimator'];

export interface Rewarded {
  rollout: string;
  /** Rollouts of the same task instance. */
  group: string;
  reward: number;
  /** Tokens sampled for trained roles; only REINFORCE++ weighs by them. */
  tokens: number;
}

export interface Advantages {
  /** `undefined`: its rewards have no spread, so it teaches nothing. */
  of(rollout: string): number | undefined;
  groups: number;
  withSpread: number;
  /** Several rollouts, equal rewards. */
  withoutSpread: number;
  /** One rollout: there is nothing to compare it with. */
  ofOne: number;
}

const GRPO_EPSILON = 1e-6;
const WHITENING_EPSILON = 1e-8;

/**
 * - GRPO: (reward - mean) / (standard deviation + 1e-6), with the unbiased deviation of the group.
 * - Dr. GRPO: reward - mean of the group.
 * - RLOO: reward - mean of the others, which is (reward - mean) * n / (n - 1).
 * - REINFORCE++: whitened over all tokens of the step; the baseline is the step's, so a group needs no spread of its own.
 */
export function advantagesOf(rollouts: readonly Rewarded[], estimator: Estimator): Advantages {
  // A fixed order of summation: the same rewards give the same bits, however rollouts came in.
  const members = [...rollouts].sort((a, b) => (a.rollout < b.rollout ? -1 : 1));
  for (const { rollout, reward } of members) {
    if (!Number.isFinite(reward)) throw new TuningForkError('non-finite', `The reward of rollout ${rollout} is ${reward}, not a finite number.`);
  }
  const groups = [...Map.groupBy(members, ({ group }) => group).values()];
  const found = new Map<string, number>();
  if (estimator === 'reinforce_plus_plus') whiten(members, found);
  else for (const group of groups) if (group.length > 1 && hasSpread(group)) compare(group, estimator, found);
  return {
    of: (rollout) => found.get(rollout),
    groups: groups.length,
    withSpread: groups.filter((group) => group.length > 1 && hasSpread(group)).length,
    withoutSpread: groups.filter((group) => group.length > 1 && !hasSpread(group)).length,
    ofOne: groups.filter((group) => group.length === 1).length,
  };
}

function compare(group: readonly Rewarded[], estimator: Exclude<Estimator, 'reinforce_plus_plus'>, found: Map<string, number>): void {
  const count = group.length;
  const mean = group.reduce((sum, { reward }) => sum + reward, 0) / count;
  const squares = group.reduce((sum, { reward }) => sum + (reward - mean) ** 2, 0);
  const scale = {
    grpo: 1 / (Math.sqrt(squares / (count - 1)) + GRPO_EPSILON),
    dr_grpo: 1,
    rloo: count / (count - 1),
  }[estimator];
  for (const { rollout, reward } of group) found.set(rollout, (reward - mean) * scale);
}

/** Every token carries the reward of its rollout (nothing is discounted), so sums over tokens are sums over rollouts times their tokens. */
function whiten(members: readonly Rewarded[], found: Map<string, number>): void {
  if (!hasSpread(members)) return;
  const tokens = members.reduce((sum, member) => sum + member.tokens, 0);
  if (tokens < 2) return;
  const mean = members.reduce((sum, member) => sum + member.tokens * member.reward, 0) / tokens;
  const variance = members.reduce((sum, member) => sum + member.tokens * (member.reward - mean) ** 2, 0) / (tokens - 1);
  for (const { rollout, reward } of members) found.set(rollout, (reward - mean) / Math.sqrt(variance + WHITENING_EPSILON));
}

/** Sums of the same parts in another order differ in their last digits; that is no spread. */
function hasSpread(members: readonly Rewarded[]): boolean {
  const rewards = members.map(({ reward }) => reward);
  const low = Math.min(...rewards);
  const high = Math.max(...rewards);
  return high - low > 1e-9 * Math.max(1, Math.abs(low), Math.abs(high));
}
