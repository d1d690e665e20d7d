/** What every framework is asked to do, each in its own way. A model with the tools `add`, which adds, is talked to in turns. */
import type { ModelTuner } from '../../../runtime/sdk/index.ts';

export interface Driver {
  readonly name: string;
  /** The questions one after the other in one conversation; the answers. */
  chat(tuner: ModelTuner, questions: readonly string[], how: { stream: boolean }): Promise<string[]>;
  /** An answer in the form `{ sum: number }`. */
  structured?(tuner: ModelTuner, question: string): Promise<unknown>;
  /** A second agent answers, in the role `helper`: handed over to, or called as a tool. */
  team?(tuner: ModelTuner, question: string): Promise<string>;
  /** The model's thinking, where the framework shows it. */
  thinking?(tuner: ModelTuner, question: string): Promise<string | undefined>;
}

export const INSTRUCTIONS = 'You add.';
export const HELPER = 'You help with sums.';
