/** Where the time of a step goes. */
import type { StepRow } from '../protocol/training.ts';
import type { TrainingControl } from './control.ts';

export class Stopwatch {
  readonly #clock: Pick<TrainingControl, 'now'>;
  readonly #begin: number;
  #last: number;
  readonly #laps = { collect: 0, prepare: 0, score: 0, learn: 0 };

  constructor(clock: Pick<TrainingControl, 'now'>) {
    this.#clock = clock;
    this.#begin = this.#last = clock.now();
  }

  lap(name: 'collect' | 'prepare' | 'score' | 'learn'): void {
    const now = this.#clock.now();
    this.#laps[name] += now - this.#last;
    this.#last = now;
  }

  /** `sampling`: how long the rollouts took, before this step began too; `sampler` and `trainer`: how long each worked since it began. */
  time(sampledTokens: number, busy: { sampling: number; sampler: number; trainer: number }): StepRow['time'] {
    const { collect, prepare, score, learn } = this.#laps;
    const total = this.#clock.now() - this.#begin;
    const idle = (milliseconds: number): number => rounded(Math.max(0, 1 - milliseconds / total));
    return {
      at: Date.now(), collect: rounded(collect), prepare: rounded(prepare), score: rounded(score), learn: rounded(learn), total: rounded(total),
      sampledPerSecond: rounded(sampledTokens / (busy.sampling / 1000)), samplerIdle: idle(busy.sampler), trainerIdle: idle(busy.trainer),
    };
  }
}

/** Digits behind these are noise, and make rows long. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
