/** Rollouts that run ahead: those of the next steps are begun while the trainer works, never more than one step's at a time. */
import type { RolloutRecord } from '../protocol/trace.ts';

export interface Gathered {
  records: RolloutRecord[];
  /** How long the sampler took for them. */
  milliseconds: number;
}

export class Ahead {
  readonly #gather: (step: number) => Promise<Gathered>;
  readonly #begun = new Map<number, Promise<Gathered>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(gather: (step: number) => Promise<Gathered>) {
    this.#gather = gather;
  }

  /** Begins with them now, if that has not been done. */
  take(step: number): Promise<Gathered> {
    const gathered = this.#begin(step);
    this.#begun.delete(step);
    return gathered;
  }

  /** While `work` goes on, the rollouts of the steps `from` to `until` are begun, one step after the other. What fails there is told by `take`. */
  async during<T>(from: number, until: number, work: () => Promise<T>): Promise<T> {
    let working = true;
    const run = async (): Promise<void> => {
      for (let step = from; working && step <= until; step++) await this.#begin(step);
    };
    run().catch(() => {});
    try {
      return await work();
    } finally {
      working = false;
    }
  }

  /** No rollout of a training step is under way. */
  async still(): Promise<void> {
    await this.#last;
  }

  #begin(step: number): Promise<Gathered> {
    let gathered = this.#begun.get(step);
    if (gathered === undefined) {
      gathered = this.#last.then(() => this.#gather(step));
      this.#begun.set(step, gathered);
      this.#last = gathered.catch(() => {});
    }
    return gathered;
  }
}
