/** What all charts have in common: which trainings are shown, in which ink, over which steps, and where the crosshair is. */
import type { EvaluationRow } from '../../runtime/protocol/training.ts';
import type { Ink, Paint } from './inks.ts';
import type { Range } from './plot.ts';
import type { Series } from './series.ts';

export interface Line {
  dir: string;
  name: string;
  series: Series;
  ink: Ink;
  evaluations: readonly EvaluationRow[];
}

export interface Board {
  readonly lines: readonly Line[];
  /** The one whose details are shown. */
  readonly main: Line | undefined;
  readonly paint: Paint;
  readonly smoothing: number;
  readonly range: Range;
  readonly whole: Range;
  /** Under the pointer, or where the keyboard is. */
  readonly crosshair: number | null;
  zoom(range: Range | null): void;
  point(step: number | null, from?: object): void;
  /** A step that shall be looked at closer. */
  choose(step: number): void;
}

/** Left for the scale of y, so that all charts have their steps at the same places. */
export const GUTTER = 48;
export const BELOW = 17;
export const ABOVE = 6;
export const RIGHT = 8;

export function clampRange({ from, to }: Range, whole: Range): Range | null {
  const width = Math.max(2, to - from);
  if (width >= whole.to - whole.from) return null;
  const start = Math.max(whole.from, Math.min(from, whole.to - width));
  return { from: start, to: start + width };
}
