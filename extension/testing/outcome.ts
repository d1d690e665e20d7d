/** What the rollouts of one task say together. No editor here. */
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import type { IndexEntry } from '../../runtime/trace/index.ts';
import { decimal, rolloutCount, type Localizer } from '../runs/progress-text.ts';

export interface Ended {
  /** As the data set names it: the index cuts long names. */
  task: string;
  entry: IndexEntry;
  error: ErrorInfo | undefined;
}

export type Outcome =
  | { state: 'passed'; text: string }
  | { state: 'failed'; text: string; error: ErrorInfo | undefined }
  | { state: 'errored'; text: string; error: ErrorInfo }
  | { state: 'skipped' };

/**
 * A task passes when the share of its rollouts that are right reaches `threshold`; where nothing says right or wrong, when their mean
 * reward does. A rollout that failed is a wrong one.
 */
export function outcomeOf(all: readonly Ended[], threshold: number, l10n: Localizer): Outcome {
  const ended = all.filter(({ entry }) => entry.status !== 'cancelled');
  if (ended.length === 0) return { state: 'skipped' };
  const failed = ended.filter(({ entry }) => entry.status === 'failed');
  const [first] = failed;
  if (failed.length === ended.length) return { state: 'errored', text: first!.error?.message ?? '', error: first!.error ?? { code: 'internal', message: l10n.t('It failed without a reason.') } };
  const rewards = ended.flatMap(({ entry: { reward } }) => reward ?? []);
  const judged = ended.some(({ entry }) => entry.success !== null);
  const right = ended.filter(({ entry }) => entry.success === true).length;
  // Failed ones have no reward; as zeros they count against the others.
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / ended.length;
  const text = [
    judged ? l10n.t('{0} of {1} right', right, ended.length) : rolloutCount(ended.length, l10n),
    l10n.t('mean reward {0}', decimal(mean)),
    ...(failed.length === 0 ? [] : [l10n.t('{0} failed', failed.length)]),
  ].join(', ');
  const score = judged ? right / ended.length : mean;
  return score >= threshold ? { state: 'passed', text } : { state: 'failed', text, error: first?.error };
}

/** Collects what ends until all rollouts of a task have. */
export class Groups {
  readonly #repeats: number;
  readonly #open = new Map<string, Ended[]>();

  constructor(repeats: number) {
    this.#repeats = repeats;
  }

  /** All of a task, once its last one has ended. */
  add(one: Ended): Ended[] | undefined {
    const { task } = one;
    const group = [...this.#open.get(task) ?? [], one];
    this.#open.set(task, group);
    if (group.length < this.#repeats) return undefined;
    this.#open.delete(task);
    return group;
  }

  /** Tasks of which not all came to an end. */
  rest(): Map<string, Ended[]> {
    return this.#open;
  }
}
