/** What the index of a run tells of its training's steps: how rewards are spread, and which rollouts stand out. */
import type { NotableRollouts, RewardHeat, SeenRollout } from '../protocol/dashboard.ts';
import { SPLITS, type RunReader } from '../trace/index.ts';

const SHOWN = 8;
const TRAINING = SPLITS.indexOf('training');

export function heatOf(run: RunReader, columns: number, bins: number): RewardHeat {
  const [split, steps, rewards] = [run.column('split'), run.column('step'), run.column('reward')];
  let [first, last, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < split.length; i++) {
    const [step, reward] = [steps[i]!, rewards[i]!];
    if (split[i] !== TRAINING || Number.isNaN(reward)) continue;
    if (step < first) first = step;
    if (step > last) last = step;
    if (reward < low) low = reward;
    if (reward > high) high = reward;
  }
  if (first > last) return { dir: run.dir, step: new Int32Array(0), span: 1, bins, low: 0, high: 1, counts: new Uint32Array(0) };
  // Most rewards lie between 0 and 1: a scale that changes with each step would be hard to read.
  [low, high] = [Math.min(0, low), Math.max(1, high)];
  const span = Math.max(1, Math.ceil((last - first + 1) / columns));
  const step = Int32Array.from({ length: Math.floor((last - first) / span) + 1 }, (_, column) => first + column * span);
  const counts = new Uint32Array(step.length * bins);
  for (let i = 0; i < split.length; i++) {
    const reward = rewards[i]!;
    if (split[i] !== TRAINING || Number.isNaN(reward)) continue;
    const bin = Math.min(bins - 1, Math.floor((reward - low) / (high - low) * bins));
    counts[Math.floor((steps[i]! - first) / span) * bins + bin]!++;
  }
  return { dir: run.dir, step, span, bins, low, high, counts };
}

export function notableOf(run: RunReader, from: number, to: number, low = -Infinity, high = Infinity): NotableRollouts {
  const [split, steps, rewards, durations] = [run.column('split'), run.column('step'), run.column('reward'), run.column('duration')];
  const bounded = low > -Infinity || high < Infinity;
  const inside: number[] = [];
  for (let i = 0; i < split.length; i++) {
    if (split[i] !== TRAINING || steps[i]! < from || steps[i]! > to) continue;
    const reward = rewards[i]!;
    if (bounded ? reward >= low && reward <= high : true) inside.push(i);
  }
  // Without a reward: whatever ended it, nothing is worse.
  const worth = (i: number): number => (Number.isNaN(rewards[i]!) ? -Infinity : rewards[i]!);
  const best = (better: (a: number, b: number) => number): SeenRollout[] => inside.toSorted((a, b) => better(a, b) || a - b).slice(0, SHOWN).map((i) => seen(run, i));
  return {
    dir: run.dir, from, to, count: inside.length,
    worst: best((a, b) => (worth(a) === worth(b) ? 0 : worth(a) - worth(b))),
    slowest: best((a, b) => durations[b]! - durations[a]!),
  };
}

function seen(run: RunReader, i: number): SeenRollout {
  const { id, task, step, reward, duration, sampled, status, flags } = run.entry(i);
  return { id, task, step, reward, duration, sampled, status, flags };
}
