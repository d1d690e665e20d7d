/** How long something worked: what a sampler or a trainer spends waiting for the other is what running ahead can win. */

export class Busy {
  readonly #now: () => number;
  #running = 0;
  #since = 0;
  #sum = 0;

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#since = this.#now();
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#sum += this.#now() - this.#since;
    }
  }

  /** Milliseconds since the last call of this. */
  take(): number {
    const now = this.#now();
    const taken = this.#sum + (this.#running > 0 ? now - this.#since : 0);
    this.#sum = 0;
    this.#since = now;
    return taken;
  }
}
