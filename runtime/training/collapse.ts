/** Signs in the rows of a training that it goes wrong, with what to change. */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { StepRow } from '../protocol/training.ts';
import { mean } from './statistics.ts';

export interface Sign {
  /** Each kind is told once. */
  kind: 'entropy' | 'no-spread' | 'truncated' | 'malformed' | 'kl' | 'sampler-gap' | 'not-finite' | 'reward';
  notice: ErrorInfo;
}

/** Steps in a row that are looked at: one alone says little. */
const RECENT = 3;
const STALLED = 5;

/** `dtype` as the trainer tells it: in half precision sampler and trainer differ by more. */
export function signsOf(rows: readonly StepRow[], dtype: string): Sign[] {
  const last = rows.slice(-RECENT);
  if (rows.length === 0) return [];
  const first = rows.slice(0, RECENT);
  const now = (of: (row: StepRow) => number | null): number => average(last, of);
  const once = (of: (row: StepRow) => number | null): number => average(first, of);
  const signs: Sign[] = [];
  const tell = (kind: Sign['kind'], message: string, next: string): void => void signs.push({ kind, notice: { code: 'training', message, next } });
  const solved = now(({ success }) => success) > 0.9;

  if (last.some(({ skipped }) => (skipped ?? 0) > 0)) {
    tell('not-finite', `A gradient of step ${last.findLast(({ skipped }) => (skipped ?? 0) > 0)!.step} was not finite; that update was left out.`, 'Lower trainer_common.optim.lr, and look for rewards of extreme size.');
  }
  // Of weights that are behind, the sampler must say something else.
  const gap = (last.at(-1)!.staleness ?? 0) > 0 ? null : last.at(-1)!.samplerGap;
  const allowed = dtype === 'float32' || dtype === 'fp32' ? 1e-3 : 0.05;
  if (gap !== null && gap > allowed) {
    tell('sampler-gap', `Trainer and sampler disagree on what was sampled: ${gap.toPrecision(2)} nats a token, where ${allowed} is usual.`, 'Check that the sampler has the trainer’s weights and temperature; a coarser precision of the sampler shows here too.');
  }
  if (rows.length >= STALLED && rows.slice(-STALLED).every(({ groupsWithSpread }) => groupsWithSpread === 0)) {
    const success = average(rows.slice(-STALLED), (row) => row.success);
    if (success > 0.9) tell('no-spread', `Every rollout of the last ${STALLED} steps was right: there is nothing left to learn from these tasks.`, 'Stop here, or give it harder tasks.');
    else tell('no-spread', `In the last ${STALLED} steps all rollouts of a task got the same reward, so nothing was learned.`, 'Raise rollout.num_repeat or rollout.temperature, or give partial rewards. If it began well, entropy is gone: start again with a higher trainer_common.entropy_coeff or a lower optim.lr.');
  }
  if (rows.length < 2 * RECENT) return signs;

  if (!solved && now(({ entropy }) => entropy) < 0.1 * once(({ entropy }) => entropy)) {
    tell('entropy', `Entropy fell from ${show(once(({ entropy }) => entropy))} to ${show(now(({ entropy }) => entropy))}: the policy always does the same, and stops learning.`, 'Start again with trainer_common.entropy_coeff 0.01 to 0.02, or a lower optim.lr.');
  }
  if (now(({ truncated }) => truncated) > 0.3 && once(({ truncated }) => truncated) < 0.1) {
    tell('truncated', `${percent(now(({ truncated }) => truncated))} of the answers are cut off now; it was ${percent(once(({ truncated }) => truncated))}.`, 'Raise rollout.max_response_length_in_one_turn, or let the judge take something off for long answers: what is cut off is not trained.');
  }
  if (now(({ malformed }) => malformed) > 0.3 && once(({ malformed }) => malformed) < 0.1) {
    tell('malformed', `${percent(now(({ malformed }) => malformed))} of the answers hold a tool call that can’t be read; it was ${percent(once(({ malformed }) => malformed))}.`, 'The reward pays for something else than the form: let the judge ask for it, or lower trainer_common.entropy_coeff and optim.lr.');
  }
  if (now(({ kl }) => kl) > 0.5) {
    tell('kl', `The policy is ${show(now(({ kl }) => kl))} nats a token away from the weights it began with.`, 'Raise trainer_common.kl_loss_coef, or lower optim.lr.');
  }
  const best = bestMean(rows);
  const spread = now(({ rewardStd }) => rewardStd);
  if (best.mean - now(({ rewardMean }) => rewardMean) > Math.max(0.5 * (best.mean - lowest(rows)), spread)) {
    tell('reward', `The reward fell from ${show(best.mean)} around step ${best.step} to ${show(now(({ rewardMean }) => rewardMean))}.`, 'Take the best checkpoint, and go on from there with a lower trainer_common.optim.lr.');
  }
  return signs;
}

function average(rows: readonly StepRow[], of: (row: StepRow) => number | null): number {
  const values = rows.map(of).filter((value) => value !== null);
  return values.length === 0 ? NaN : mean(values);
}

function bestMean(rows: readonly StepRow[]): { mean: number; step: number } {
  let best = { mean: -Infinity, step: 0 };
  for (let end = RECENT; end <= rows.length; end++) {
    const found = average(rows.slice(end - RECENT, end), ({ rewardMean }) => rewardMean);
    if (found > best.mean) best = { mean: found, step: rows[end - 2]!.step };
  }
  return best;
}

function lowest(rows: readonly StepRow[]): number {
  return Math.min(...rows.map(({ rewardMin }) => rewardMin ?? Infinity));
}

function show(value: number): string {
  return Math.abs(value) >= 0.01 ? value.toFixed(2) : value.toExponential(1);
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`;
}
