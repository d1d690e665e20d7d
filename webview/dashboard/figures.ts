/** Which figures there are to see, in which order, and how each is drawn. */
import type { StepFigure } from '../../runtime/protocol/dashboard.ts';
import { count, decimal, duration, percent } from '../shared/format.ts';
import type { TextKey } from './texts.ts';

export interface Figure {
  key: string;
  title: TextKey;
  hint: TextKey;
  group: 'learning' | 'policy' | 'data' | 'speed';
  /** `line`: `of` each row. `mirror`: a second figure below zero. `stack`: parts on top of each other, of one run. `validation`: means with their intervals. */
  kind: 'line' | 'mirror' | 'stack' | 'validation';
  /** What it is worked out from. */
  needs: readonly StepFigure[];
  of(values: readonly Float32Array[]): Float32Array[];
  /** Names of the parts that `of` gives, where there are several. */
  parts?: readonly TextKey[];
  /** How far the values reach to both sides, the least and the most there were: drawn as a band around the line. */
  spread?: readonly [StepFigure, StepFigure, StepFigure];
  /** Always in sight. */
  floor?: number;
  ceiling?: number;
  /** Worth a place only where it changes. */
  quiet?: boolean;
  text(value: number): string;
}

const same = (values: readonly Float32Array[]): Float32Array[] => [values[0]!];
const share = ([part, whole]: readonly Float32Array[]): Float32Array[] => [part!.map((value, i) => value / whole![i]!)];
const line = (figure: StepFigure, title: TextKey, hint: TextKey, group: Figure['group'], text: Figure['text'], more: Partial<Figure> = {}): Figure => ({ key: figure, title, hint, group, kind: 'line', needs: [figure], of: same, text, ...more });
const three = (value: number): string => decimal(value, 3);
const SPREAD = ['rewardStd', 'rewardMin', 'rewardMax'] as const;
const compact = (value: number): string => (Math.abs(value) >= 10_000 ? `${decimal(value / 1_000, 1)}k` : Math.abs(value) >= 100 ? count(value) : decimal(value, 1));

export const FIGURES: readonly Figure[] = [
  line('rewardMean', 'reward', 'rewardHint', 'learning', three, { needs: ['rewardMean', ...SPREAD], spread: SPREAD }),
  line('success', 'success', 'successHint', 'learning', percent, { floor: 0, ceiling: 1 }),
  { key: 'validation', title: 'validation', hint: 'validationHint', group: 'learning', kind: 'validation', needs: [], of: () => [], text: three, parts: ['greedy', 'sampledPart'] },

  line('entropy', 'entropy', 'entropyHint', 'policy', three, { floor: 0 }),
  line('kl', 'kl', 'klHint', 'policy', three, { floor: 0 }),
  line('gradNorm', 'gradNorm', 'gradNormHint', 'policy', three, { floor: 0 }),
  { key: 'clip', title: 'clip', hint: 'clipHint', group: 'policy', kind: 'mirror', needs: ['clipHigh', 'clipLow'], of: ([high, low]) => [high!, low!.map((value) => -value)], parts: ['clipHigh', 'clipLow'], text: (value) => percent(Math.abs(value)) },
  line('ratioMax', 'ratioMax', 'ratioMaxHint', 'policy', three, { quiet: true }),
  line('samplerGap', 'samplerGap', 'samplerGapHint', 'policy', three, { floor: 0 }),
  line('staleness', 'staleness', 'stalenessHint', 'policy', (value) => decimal(value, 2), { floor: 0, quiet: true }),
  line('loss', 'loss', 'lossHint', 'policy', three),
  line('learningRate', 'learningRate', 'learningRateHint', 'policy', (value) => (value === 0 ? '0' : value.toExponential(1).replace('-', '−')), { floor: 0, quiet: true }),

  { key: 'spread', title: 'spread', hint: 'spreadHint', group: 'data', kind: 'line', needs: ['groupsWithSpread', 'groups'], of: share, floor: 0, ceiling: 1, text: percent },
  line('sampledPerRollout', 'lengths', 'lengthsHint', 'data', compact, { floor: 0 }),
  line('callsPerRollout', 'calls', 'callsHint', 'data', (value) => decimal(value, 2), { floor: 0, quiet: true }),
  { key: 'broken', title: 'truncated', hint: 'truncatedHint', group: 'data', kind: 'mirror', needs: ['truncated', 'malformed'], of: ([cut, bad]) => [cut!, bad!.map((value) => -value)], parts: ['truncatedPart', 'malformedPart'], text: (value) => percent(Math.abs(value)) },

  line('sampledPerSecond', 'speed', 'speedHint', 'speed', compact, { floor: 0 }),
  line('saved', 'saved', 'savedHint', 'speed', percent, { floor: 0, ceiling: 1 }),
  {
    key: 'time', title: 'time', hint: 'timeHint', group: 'speed', kind: 'stack', needs: ['collect', 'learn', 'score', 'prepare', 'total'], parts: ['collect', 'learn', 'score', 'otherTime'],
    of: ([collect, learn, score, , total]) => [collect!, learn!, score!, total!.map((value, i) => Math.max(0, value - collect![i]! - learn![i]! - score![i]!))], floor: 0, text: duration,
  },
  { key: 'idle', title: 'idle', hint: 'idleHint', group: 'speed', kind: 'mirror', needs: ['samplerIdle', 'trainerIdle'], of: ([sampler, trainer]) => [sampler!, trainer!.map((value) => -value)], parts: ['samplerIdle', 'trainerIdle'], text: (value) => percent(Math.abs(value)) },
];

export const GROUPS = ['learning', 'policy', 'data', 'speed'] as const;
