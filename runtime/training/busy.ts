/** How long something worked: what a sampler or a trainer spends waiting for the other is what running ahead can win. */
import type { TrainingControl } from './control.ts';

export class Busy {
  readonly #clock: Pick<TrainingControl, 'now'>;
  #running = 0;
  #since = 0;
  #sum = 0;

  constructor(clock: Pick<TrainingControl, 'now'>) {
    this.#clock = clock;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#since = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#sum += this.#clock.now() - this.#since;
    }
  }

  /** Milliseconds since the last call of this. */
  take(): number {
    const now = this.#clock.now();
    const taken = this.#sum + (this.#running > 0 ? now - this.#since : 0);
    this.#sum = 0;
    this.#since = now;
    return taken;
  }
}
