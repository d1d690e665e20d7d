/** A trainer that can be used, wherever its weights are. */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { TrainerAddress } from '../protocol/trainer.ts';
import type { TrainerClient } from './client.ts';

export interface RunningTrainer {
  readonly address: TrainerAddress;
  readonly client: TrainerClient;
  /** On another machine: its paths mean nothing here. */
  readonly elsewhere: boolean;
  /** What of it runs here, to be ended if we die. */
  readonly stamps: readonly ProcessStamp[];
  /** Whoever ended it. Absent: it is not a process of this machine. */
  readonly exited?: Promise<TrainerExit>;
  /** From now on somebody else hears what it tells. */
  listen?(listener: TrainerListener): void;
  /** What was started for it ends; a trainer that was there before stays. */
  stop(): Promise<void>;
  /** At once, where it hangs. */
  kill(): void;
}

export interface TrainerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it wrote. */
  told: string;
}

/** What is told while a trainer starts, and later. */
export interface TrainerListener {
  progress?(text: string): void;
  notice?(notice: ErrorInfo): void;
  /** What its process writes for those who look for a fault. */
  log?(text: string): void;
}
