/** Rewards of a stored run, from its index alone. */
import { readerOf } from './readers.ts';

export interface Rewards {
  rollouts: number;
  /** Undefined where no rollout has a reward. */
  mean: number | undefined;
  count: number;
}

export async function rewardsOf(dir: string): Promise<Rewards> {
  const reader = await readerOf(dir);
  let sum = 0;
  let count = 0;
  for (const reward of reader.column('reward')) {
    if (Number.isNaN(reward)) continue;
    sum += reward;
    count++;
  }
  return { rollouts: reader.count, mean: count === 0 ? undefined : sum / count, count };
}
