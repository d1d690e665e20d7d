/** A training in somebody's hands: paused at its safe points, and asked for checkpoints. Its time stands still while it is paused. */
import { TuningForkError } from '../protocol/errors.ts';

export class TrainingControl {
  readonly #onStill: (still: boolean) => void;
  #paused = false;
  #asked: PromiseWithResolvers<void> | undefined;
  /** Wakes one that stands still, for something has changed. */
  #wake: () => void = () => {};
  #lost = 0;
  #ended = false;

  /** `onStill`: it stands still, or goes on. */
  constructor(onStill: (still: boolean) => void = () => {}) {
    this.#onStill = onStill;
  }

  /** Also while it is on its way to a safe point. */
  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** Resolves once the weights are saved as they are after the present step; at once where there are some already. */
  async checkpoint(): Promise<void> {
    if (this.#ended) throw new TuningForkError('usage', 'The training has ended.', { next: 'Its checkpoints are in the folder of the run.' });
    this.#asked ??= Promise.withResolvers();
    this.#asked.promise.catch(() => {});
    this.#wake();
    return this.#asked.promise;
  }

  /** Milliseconds on a clock without the pauses. */
  now(): number {
    return performance.now() - this.#lost;
  }

  /** Nothing is half done here: it may stand still. `save` makes the checkpoint that was asked for; undefined where there is nothing to save yet. */
  async safePoint(save: (() => Promise<void>) | undefined, signal: AbortSignal): Promise<void> {
    if (save !== undefined) await this.#save(save);
    if (!this.#paused || signal.aborted) return;
    const began = performance.now();
    this.#onStill(true);
    while (this.#paused && !signal.aborted) {
      if (this.#asked === undefined) await this.#change(signal);
      else if (save === undefined) this.#refuse();
      else await this.#save(save);
    }
    this.#lost += performance.now() - began;
    this.#onStill(false);
  }

  /** `saved`: its last weights are on the disk. */
  end(saved: boolean): void {
    this.#ended = true;
    if (saved) this.#asked?.resolve();
    else this.#asked?.reject(new TuningForkError('usage', 'The training ended before there was anything to save.', { next: 'Its report and its log say why.' }));
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', this.#wake, { once: true });
    await promise;
    signal.removeEventListener('abort', this.#wake);
  }

  async #save(save: () => Promise<void>): Promise<void> {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    try {
      await save();
      asked.resolve();
    } catch (error) {
      asked.reject(error);
      throw error;
    }
  }

  #refuse(): void {
    this.#asked?.reject(new TuningForkError('usage', 'The training has made no step yet, so there is nothing to save.', { next: 'Let it go on for a step.' }));
    this.#asked = undefined;
  }
}
