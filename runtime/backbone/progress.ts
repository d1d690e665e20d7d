import type { RunProgress } from '../protocol/backbone.ts';
import type { IndexEntry } from '../protocol/trace.ts';

export function emptyProgress(): RunProgress {
  return {
    planned: 0, running: 0, finished: 0, failed: 0, cancelled: 0, held: 0, calls: 0, prompt: 0, sampled: 0, trained: 0,
    rewards: 0, rewardSum: 0, rewardSquares: 0, successes: 0, judgedSuccess: 0,
  };
}

export function countEntry(progress: RunProgress, entry: IndexEntry): void {
  progress[entry.status]++;
  progress.trained += entry.trained;
  if (entry.reward !== null) {
    progress.rewards++;
    progress.rewardSum += entry.reward;
    progress.rewardSquares += entry.reward ** 2;
  }
  if (entry.success !== null) {
    progress.judgedSuccess++;
    if (entry.success) progress.successes++;
  }
}
