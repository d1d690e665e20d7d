/** Lets so many through at once; the others wait in the order in which they came. */
export class Turnstile {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(most: number | null) {
    this.#most = most ?? Infinity;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whoever is aborted waits no longer, and gives up its place even where its work goes on. */
  async pass<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const aborted = signal && rejection(signal);
    try {
      if (this.#inside >= this.#most) await this.#wait(aborted);
      else this.#inside++;
      try {
        const working = work();
        // What it says after it was given up is for nobody.
        working.catch(() => {});
        return await (aborted === undefined ? working : Promise.race([working, aborted.promise]));
      } finally {
        this.#leave();
      }
    } finally {
      aborted?.forget();
    }
  }

  async #wait(aborted: Rejection | undefined): Promise<void> {
    let goOn!: () => void;
    const turn = new Promise<void>((resolve) => void (goOn = resolve));
    this.#waiting.add(goOn);
    try {
      await (aborted === undefined ? turn : Promise.race([turn, aborted.promise]));
    } catch (error) {
      // Called and aborted at once: the place goes on to the next.
      if (!this.#waiting.delete(goOn)) this.#leave();
      throw error;
    }
  }

  /** Whoever leaves hands over its place. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) return void this.#inside--;
    this.#waiting.delete(next);
    next();
  }
}

interface Rejection {
  promise: Promise<never>;
  forget(): void;
}

function rejection(signal: AbortSignal): Rejection {
  let end!: () => void;
  const promise = new Promise<never>((_, reject) => void (end = () => reject(signal.reason as Error)));
  promise.catch(() => {});
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return { promise, forget: () => signal.removeEventListener('abort', end) };
}
