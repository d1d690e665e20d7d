/** What a training is given, and what it comes to. */
import type { TuningForkConfig } from '../protocol/config.ts';
import type { Language } from '../protocol/localize.ts';
import type { Task } from '../protocol/task.ts';
import type { RolloutRecord, Split } from '../protocol/trace.ts';
import type { TrainingEvent, TrainingReport } from '../protocol/training.ts';
import type { BatchOptions } from './batch.ts';
import type { TrainingControl } from './control.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { PlannedRollout } from './schedule.ts';
import type { Trainer } from './trainer.ts';

export interface TrainOptions {
  /** Of the run; it is there. */
  dir: string;
  run: string;
  /** The workflow's name, for the report. */
  workflow: string;
  config: TuningForkConfig;
  tasks: Readonly<Record<Split, readonly Task[]>>;
  fingerprint: Fingerprint;
  /** At the weights the training begins with, or, going on, began with. */
  trainer: Trainer;
  /** Starts another one, at those same weights, after `trainer` is gone. Absent: then the training fails. */
  revive?(): Promise<Trainer>;
  /** Of its report, for whoever reads the file itself. */
  language?: Language;
  /** Runs rollouts, each to its sealed record. */
  collect(batch: CollectBatch): Promise<RolloutRecord[]>;
  /** Those of these rollouts that are sealed already. */
  stored(rollouts: readonly string[]): Promise<RolloutRecord[]>;
  emit(event: TrainingEvent): void;
  /** Stops after what can't be begun again: a step is finished and saved, rollouts under way are given up. */
  signal: AbortSignal;
  /** Pauses it, and asks it for checkpoints. */
  control?: TrainingControl;
  /** Steps that the weights which sample may be behind those that learn; 0: rollouts and steps take turns. */
  staleness?: number;
  /** Goes on with the training in `dir`; 'anyway': although what it depends on has changed. */
  resume?: boolean | 'anyway';
  /** For measurements: `{ trees: false }` shares nothing. */
  batch?: Partial<BatchOptions>;
}

export interface CollectBatch {
  step: number;
  split: Split;
  rollouts: PlannedRollout[];
  /** Sample from these weights, a folder, instead of those in training. */
  checkpoint?: string;
  signal: AbortSignal;
  /** For whoever finds the trainer gone: resolves once one with the same weights is there. Rollouts that it took down are begun again. */
  recover(cause: unknown): Promise<void>;
}

export interface TrainingEnd {
  state: 'finished' | 'stopped';
  step: number;
  /** Absolute folders. */
  best: string | null;
  last: string | null;
  report: TrainingReport;
  /** Files of the report. */
  files: { json: string; html: string };
}
