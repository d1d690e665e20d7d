/** What a training will take, told before it begins. A measured step tells minutes; without one only what follows from counts is told. */
import type { TuningForkConfig } from '../protocol/config.ts';
import type { TrainerInfo } from '../protocol/trainer.ts';
import type { StepRow, TrainingEstimate } from '../protocol/training.ts';
import { scheduleOf, totalSteps, validationTasks } from './schedule.ts';
import { stepSettings } from './settings.ts';

/** From some rollouts and a step that were really made. */
export interface Measurement {
  /** Milliseconds, at the concurrency of the training. */
  perRollout: number;
  sampledPerRollout: number;
  /** Milliseconds the trainer takes for one step of this size; 0: not measured. */
  perStep: number;
}

/** Weights, gradients, both moments of Adam, and a copy of the weights that samples, in float32; with a reference one copy more. */
const BYTES_PER_PARAMETER = 4 * 5;
/** What the trainer of the embedded model takes beside that: 560 MB were seen, for ONNX Runtime and the largest pack. */
const TRAINER_BASE = 560e6;
/** Weights for Hugging Face, weights in ONNX, two moments. */
const CHECKPOINT_BYTES_PER_PARAMETER = 4 * 4;
const WIDTH: Readonly<Record<string, number>> = { float32: 4, bfloat16: 2, float16: 2 };
type EstimatedTrainer = Pick<TrainerInfo, 'parameters'> & Partial<TrainerInfo>;
/** A sealed rollout of the examples took 1.5 kB with its index; a logprob of four bytes can't be compressed. */
const TRACE_BYTES = { rollout: 1500, token: 5 };
/** A target with its node in the body of a step; sharing makes it less. */
const BODY_BYTES_PER_TOKEN = 70;

export function estimateTraining(config: TuningForkConfig, info: EstimatedTrainer, tasks: { training: number; validation: number }, measured?: Measurement): TrainingEstimate {
  const { data, rollout, trainer_common: trainer } = config;
  const schedule = scheduleOf(tasks.training, data.train_batch_size);
  const steps = trainer.val_only ? 0 : totalSteps(config, schedule);
  const perStep = schedule.tasksPerStep * rollout.num_repeat;
  const perValidation = validationTasks(tasks.validation, trainer.val_max_num_task_each_validation, 0).length * (1 + trainer.val_pass_n);
  const rollouts = { training: steps * perStep, validation: validationsOf(config, steps) * perValidation };
  const all = rollouts.training + rollouts.validation;

  // Those of save_freq, and the best and the last where they are others.
  const count = steps === 0 ? 0 : (trainer.save_freq > 0 ? Math.floor(steps / trainer.save_freq) : 0) + 2;
  const bytes = count * checkpointBytes(info);
  const perRollout = measured?.sampledPerRollout ?? 0;
  const bodies = Math.min(steps, trainer.save_freq > 0 ? trainer.save_freq : steps) * perStep * perRollout * BODY_BYTES_PER_TOKEN;
  return {
    steps, rollouts,
    sampledTokens: measured === undefined ? null : Math.round(all * perRollout),
    minutes: measured === undefined ? null : (all * measured.perRollout + steps * measured.perStep) / 60_000,
    trainerMemory: memoryOf(info, stepSettings(config, info, 1, steps).klCoef > 0),
    disk: bytes + all * (TRACE_BYTES.rollout + perRollout * TRACE_BYTES.token) + bodies,
    checkpoints: { count, bytes },
  };
}

/** Weights, of adapters only those; two moments for each that learns. */
function checkpointBytes({ parameters, training, dtype }: EstimatedTrainer): number {
  if (training === undefined) return parameters * CHECKPOINT_BYTES_PER_PARAMETER;
  return training.parameters * (WIDTH[dtype ?? 'float32'] ?? 4) + training.parameters * 8;
}

/** The GPU runtime says what it holds already; gradients and moments of what learns come on top. */
function memoryOf({ parameters, training, memory = 0 }: EstimatedTrainer, referenced: boolean): number {
  if (training === undefined) return parameters * (BYTES_PER_PARAMETER + (referenced ? 4 : 0)) + TRAINER_BASE;
  return memory + training.parameters * 12 + (referenced && training.method === 'full' ? parameters * 4 : 0);
}

/** What one step of a training tells of all the others. */
export function measurementOf({ rollouts, sampledTokens, time }: StepRow): Measurement {
  return { perRollout: time.collect / rollouts, sampledPerRollout: sampledTokens / rollouts, perStep: time.total - time.collect };
}

/** How many validations a training of so many steps makes, the one of its beginning among them. */
export function validationsOf({ trainer_common: { test_freq: testFreq, val_before_train: before, val_only: only } }: TuningForkConfig, steps: number): number {
  if (only) return 1;
  return testFreq > 0 && steps > 0 ? Math.ceil(steps / testFreq) + 1 : Number(before);
}

/** Milliseconds until the end, from the steps and validations made so far; null before the first. */
export function timeLeft(rows: readonly StepRow[], steps: number, evaluations: { left: number; milliseconds: number }): number | null {
  const recent = rows.slice(-10);
  if (recent.length === 0) return null;
  const perStep = recent.reduce((sum, { time }) => sum + time.total, 0) / recent.length;
  return perStep * Math.max(0, steps - rows.at(-1)!.step) + evaluations.left * evaluations.milliseconds;
}
