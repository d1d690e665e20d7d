/** What is told of a step. */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import type { StepMetrics, StepSettings } from '../protocol/trainer.ts';
import type { StepRow } from '../protocol/training.ts';
import type { BatchCounts } from './batch.ts';

export interface Stepped extends Pick<StepRow, 'step' | 'epoch' | 'version' | 'time'> {
  counts: BatchCounts;
  settings: StepSettings;
  /** Absent: there was nothing to learn from. */
  metrics: StepMetrics | undefined;
}

export function rowOf({ step, epoch, version, counts, settings, metrics, time }: Stepped): StepRow {
  const of = (name: keyof StepMetrics): number | null => (metrics !== undefined && Number.isFinite(metrics[name]) ? metrics[name] : null);
  return {
    kind: 'step', step, epoch, version, stepped: metrics !== undefined, ...counts, learningRate: settings.learningRate,
    skipped: of('skipped'), loss: of('loss'), policyLoss: of('policyLoss'), kl: settings.klCoef > 0 ? of('kl') : null, entropy: of('entropy'),
    clipLow: of('clipLow'), clipHigh: of('clipHigh'), clipDual: of('clipDual'), ratioMean: of('ratioMean'), ratioMax: of('ratioMax'),
    samplerGap: of('samplerGap'), importanceMean: of('importanceMean'), gradNorm: of('gradNorm'), time,
  };
}

/** Why the weights stay as they are. */
export function nothingLearned(step: number, counts: BatchCounts, records: readonly RolloutRecord[]): ErrorInfo {
  const { message, where } = records.find(({ error }) => error !== undefined)?.error ?? {};
  const failed = message === undefined ? '' : ` The first rollout that failed: ${message}`;
  return { code: 'training', message: `Step ${step} had nothing to learn from: ${whyNothing(counts)}. The weights stay as they are.${failed}`, where };
}

function whyNothing({ groups, groupsWithSpread, trainedTokens, untrained, lost, rollouts }: BatchCounts): string {
  if (lost === rollouts) return 'all its rollouts failed through no fault of the agent';
  if (groupsWithSpread === 0) return `in each of its ${groups} groups all rewards are equal`;
  const reasons = Object.entries(untrained).sort(([, a], [, b]) => b - a).map(([reason, tokens]) => `${reason} (${tokens})`);
  return trainedTokens === 0 && reasons.length > 0 ? `none of its sampled tokens could be trained: ${reasons.join(', ')}` : 'nothing was sampled for a trained role';
}
