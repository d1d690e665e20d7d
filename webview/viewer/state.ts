/** What is kept of the page while it is hidden, and over a reload. */
import type { Kind } from './compare/candidates.ts';
import type { ViewName } from './head.ts';
import type { RewardRange, Sort } from './rollouts/order.ts';
import type { Mode } from './tokens/colour.ts';

export interface ViewerState {
  view: ViewName;
  rollout: string | undefined;
  token: number;
  mode: Mode;
  glyphs: boolean;
  table: boolean;
  filter: string;
  range: RewardRange | undefined;
  sort: Sort;
  marked: string[];
  compare: Kind;
  /** Where its host asked it to begin. */
  begun?: string;
}

export const BEGIN: ViewerState = {
  view: 'rollouts', rollout: undefined, token: 0, mode: 'probability', glyphs: true, table: false, filter: '', range: undefined, sort: { by: 'place', descending: false }, marked: [], compare: 'group',
};
