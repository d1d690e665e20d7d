/** The checkpoints of a training, and which of them stay. */
import { join } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import type { KeptCheckpoint } from '../protocol/training.ts';
import type { TrainOptions } from './options.ts';
import { CHECKPOINTS, withinRun, type TrainingStore } from './state.ts';
import type { Reviving } from './trainer.ts';

export class Saving {
  readonly #options: Pick<TrainOptions, 'dir' | 'config' | 'emit'>;
  readonly #store: TrainingStore;
  readonly #trainer: Reviving;

  constructor(options: Pick<TrainOptions, 'dir' | 'config' | 'emit'>, store: TrainingStore, trainer: Reviving) {
    this.#options = options;
    this.#store = store;
    this.#trainer = trainer;
  }

  isRegular(step: number): boolean {
    const { save_freq: every } = this.#options.config.trainer_common;
    return every > 0 && step % every === 0;
  }

  /** The weights as they are after the last step. */
  async save(why: { best?: boolean; asked?: boolean } = {}): Promise<void> {
    const { dir, emit } = this.#options;
    const { step, checkpoints } = this.#store.state;
    const kept = checkpoints.find((checkpoint) => checkpoint.step === step);
    const best = why.best ?? kept?.best ?? false;
    const asked = why.asked === true || kept?.asked === true;
    if (kept !== undefined && kept.best === best) {
      if (asked && kept.asked === undefined) await this.#store.saved({ ...kept, asked }, () => true);
      return;
    }
    emit({ type: 'phase', step, phase: 'save' });
    const name = `step-${step}`;
    const directory = join(dir, CHECKPOINTS, name);
    // Saved twice it is the same folder: once more after a stop may only make it the best.
    const { version } = await this.#trainer.run((trainer) => trainer.checkpoint({ name, directory, optimizer: true }));
    const checkpoint: KeptCheckpoint = { name, directory: withinRun(dir, directory), step, version, best, ...(asked && { asked }) };
    await this.#store.saved(checkpoint, (other) => other.best || other.asked === true || this.isRegular(other.step));
    emit({ type: 'checkpoint', checkpoint });
  }

  /** Told to stop while its trainer is gone, it is not waited for: the steps since the last checkpoint are on the disk and made again. */
  async saveAtLast(): Promise<void> {
    if (this.#store.state.step <= (this.#store.durable?.step ?? 0)) return;
    try {
      await this.save();
    } catch (error) {
      if (!(error instanceof TuningForkError) || (error.code !== 'trainer-gone' && error.code !== 'rollout-cancelled')) throw error;
    }
  }
}
