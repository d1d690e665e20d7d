/** The validations of a training: of the weights after some of its steps, and of those it began with, on the same tasks. */
import type { RolloutRecord } from '../protocol/trace.ts';
import type { EvaluationRow } from '../protocol/training.ts';
import type { TrainingControl } from './control.ts';
import { evaluationOf } from './evaluate.ts';
import type { Wanted } from './gather.ts';
import type { TrainOptions } from './options.ts';
import { planEvaluation, validationTasks, type PlannedRollout } from './schedule.ts';
import { evaluationSampling } from './settings.ts';
import type { TrainingStore } from './state.ts';
import { rounded } from './stopwatch.ts';

export class Validation {
  readonly #options: Pick<TrainOptions, 'config' | 'tasks' | 'stored'>;
  readonly #store: TrainingStore;
  readonly #clock: Pick<TrainingControl, 'now'>;
  readonly #gather: (wanted: Wanted) => Promise<RolloutRecord[]>;
  readonly #tasks: number[];

  constructor(options: Pick<TrainOptions, 'config' | 'tasks' | 'stored'>, store: TrainingStore, clock: Pick<TrainingControl, 'now'>, gather: (wanted: Wanted) => Promise<RolloutRecord[]>) {
    const { config, tasks } = options;
    this.#options = options;
    this.#store = store;
    this.#clock = clock;
    this.#gather = gather;
    this.#tasks = validationTasks(tasks.validation.length, config.trainer_common.val_max_num_task_each_validation, config.rollout.seed);
  }

  get size(): { validationTasks: number; validationRollouts: number } {
    return { validationTasks: this.#tasks.length, validationRollouts: this.#tasks.length * (1 + this.#options.config.trainer_common.val_pass_n) };
  }

  /** Now and then on the way, and at the end. */
  get regular(): boolean {
    return this.#tasks.length > 0 && this.#options.config.trainer_common.test_freq > 0;
  }

  isDue(step: number, last: boolean): boolean {
    return this.regular && (last || step % this.#options.config.trainer_common.test_freq === 0);
  }

  /** There are tasks, and it was not made before. */
  isOpen(step: number): boolean {
    return this.#tasks.length > 0 && !this.#store.state.evaluated.includes(step);
  }

  /** Of the weights of this step, which are those of now; step 0: of those the training began with. */
  async of(step: number): Promise<EvaluationRow> {
    const { state } = this.#store;
    const began = this.#clock.now();
    const checkpoint = step === 0 && state.step > 0 ? state.start : undefined;
    const { tasks, greedy, sampled } = evaluationOf(step, await this.#gather({ step, split: 'validation', rollouts: this.#plan(step), checkpoint }));
    return {
      kind: 'evaluation', step, tasks: tasks.length, greedy, sampled, best: step > 0 && (sampled.reward?.mean ?? -Infinity) > (state.best ?? -Infinity),
      time: { at: Date.now(), total: rounded(this.#clock.now() - began) },
    };
  }

  /** The rollouts of one that was made. */
  records(step: number): Promise<RolloutRecord[]> {
    return this.#options.stored(this.#plan(step).map(({ place }) => place.rollout));
  }

  #plan(step: number): PlannedRollout[] {
    const { config, tasks } = this.#options;
    return planEvaluation(step, this.#tasks, tasks.validation, config.trainer_common.val_pass_n, evaluationSampling(config));
  }
}
