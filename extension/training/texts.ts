/** Figures and phases of a training, in words. */
import { l10n } from 'vscode';
import type { Estimate, TrainingEstimate, TrainingPhase, TrainingReport } from '../../runtime/protocol/training.ts';
import { roundedMinutes } from './progress.ts';

export function figure(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1');
}

export function percent(value: number | null): string {
  return value === null ? '–' : `${Math.round(value * 100)} %`;
}

export function timeText(milliseconds: number): string {
  const { value, unit } = roundedMinutes(milliseconds);
  return unit === 's' ? l10n.t('{0} s', value) : unit === 'min' ? l10n.t('{0} min', value) : l10n.t('{0} h', value);
}

export function sizeText(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${Math.round(bytes / 2 ** 20)} MB`;
}

export function phaseText(phase: TrainingPhase): string {
  const texts: Record<TrainingPhase, string> = {
    collect: l10n.t('rollouts'), score: l10n.t('scoring'), learn: l10n.t('learning'), evaluate: l10n.t('validating'),
    save: l10n.t('saving'), recover: l10n.t('recovering'), report: l10n.t('writing the report'),
  };
  return texts[phase];
}

/** What it takes, before it is known how long. */
export function estimateText({ steps, rollouts, trainerMemory, disk, minutes }: TrainingEstimate): string {
  return [
    l10n.t('{0} steps', steps),
    l10n.t('{0} rollouts', (rollouts.training + rollouts.validation).toLocaleString('en')),
    ...(minutes === null ? [] : [l10n.t('about {0}', timeText(minutes * 60_000))]),
    l10n.t('{0} of memory', sizeText(trainerMemory)),
    l10n.t('at most {0} on disk', sizeText(disk)),
  ].join(' · ');
}

/** `greedy 0.12 [0.08, 0.16] → 0.55 [0.50, 0.60]`, and the same of what was sampled. Undefined where one end was not measured. */
export function beforeAfter({ before, after }: TrainingReport): string | undefined {
  if (before === null || after === null) return undefined;
  const from = (kind: 'greedy' | 'sampled'): string | undefined => {
    const [was, is] = [before[kind].reward, after[kind].reward];
    return was === null || is === null ? undefined : `${interval(was)} → ${interval(is)}`;
  };
  const [greedy, sampled] = [from('greedy'), from('sampled')];
  const sides = [greedy === undefined ? [] : [l10n.t('greedy {0}', greedy)], sampled === undefined ? [] : [l10n.t('sampled {0}', sampled)]].flat();
  return sides.length === 0 ? undefined : sides.join('; ');
}

function interval({ mean, low, high }: Estimate): string {
  return `${figure(mean)} [${figure(low)}, ${figure(high)}]`;
}
