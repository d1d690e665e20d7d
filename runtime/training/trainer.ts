/** The trainer as the loop sees it: whatever happens to its process, its weights are those of the last step. */
import { TuningForkError } from '../protocol/errors.ts';
import { START_CHECKPOINT } from '../protocol/trainer.ts';
import type { TrainerClient } from '../trainers/client.ts';
import type { TrainingStore } from './state.ts';

export type Trainer = Pick<TrainerClient, 'info' | 'score' | 'step' | 'checkpoint' | 'load'>;

/** A process that dies this often in a row will not live. */
const MOST_REVIVALS = 3;

/** A trainer that has just begun, or served another training, gets the weights of the store's last step: its newest checkpoint, then each step since, again. */
export async function restore(trainer: Trainer, store: TrainingStore): Promise<void> {
  const { durable, state } = store;
  if (durable !== undefined) await trainer.load(durable.name, store.directoryOf(durable));
  else if ((await trainer.info()).version !== 0) await trainer.load(START_CHECKPOINT);
  for (const step of state.bodies) await trainer.step(await store.readBody(step));
  const { version } = await trainer.info();
  if (version !== state.version) {
    throw new TuningForkError('trainer', `The trainer has version ${version} of the weights after it was given everything up to step ${state.step}, which is version ${state.version}.`, {
      next: 'Start a new training from the newest checkpoint.',
    });
  }
}

export class Reviving {
  #trainer: Trainer;
  #recovery: Promise<void> | undefined;
  #revivals = 0;
  #working = 0;
  readonly #store: TrainingStore;
  readonly #revive: (() => Promise<Trainer>) | undefined;

  constructor(trainer: Trainer, store: TrainingStore, revive: (() => Promise<Trainer>) | undefined) {
    this.#trainer = trainer;
    this.#store = store;
    this.#revive = revive;
  }

  /** Work that may be begun again on another trainer with the same weights. */
  async run<T>(work: (trainer: Trainer) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        this.#working++;
        const done = await work(this.#trainer).finally(() => void this.#working--);
        this.#revivals = 0;
        return done;
      } catch (error) {
        if (!isGone(error) || this.#revive === undefined) throw error;
        await this.recover(error);
      }
    }
  }

  /** Whoever finds the trainer gone asks; it is brought back once, also for those who ask late. Resolves when it can sample and step again. */
  recover(cause: unknown): Promise<void> {
    this.#recovery ??= this.#begin(cause).finally(() => void (this.#recovery = undefined));
    return this.#recovery;
  }

  async #begin(cause: unknown): Promise<void> {
    if (await this.#alive()) return;
    for (let last = cause; ;) {
      if (this.#revive === undefined || ++this.#revivals > MOST_REVIVALS) throw last;
      try {
        this.#trainer = await this.#revive();
        return await restore(this.#trainer, this.#store);
      } catch (error) {
        if (!isGone(error)) throw error;
        last = error;
      }
    }
  }

  async #alive(): Promise<boolean> {
    try {
      const ahead = (await this.#trainer.info()).version - this.#store.state.version;
      // Its step may be done, and its answer still on the way.
      return ahead === 0 || (ahead === 1 && this.#working > 0);
    } catch {
      return false;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof TuningForkError && error.code === 'trainer-gone';
}
