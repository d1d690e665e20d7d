/** What a training will take, told before it begins. A measured step tells minutes; without one only what follows from counts is told. */
import type { TuningForkConfig } from '../protocol/config.ts';
import type { TrainerInfo } from '../protocol/trainer.ts';
import type { StepRow, TrainingEstimate } from '../protocol/training.ts';
import { scheduleOf, validationTasks } from './schedule.ts';
import { stepSettings } from './settings.ts';
import { totalSteps } from './loop.ts';

/** From some rollouts and a step that were really made. */
export interface Measurement {
  /** Milliseconds, at the concurrency of the training. */
  perRollout: number;
  sampledPerRollout: number;
  /** Milliseconds the trainer takes for one step of this size; 0: not measured. */
  perStep: number;
}

/** Weights, gradients and both moments of Adam, and what samples: a copy of the weights in the graph. All float32. */
const BYTES_PER_PARAMETER = 4 * 5;
/** Beside the weights: ONNX Runtime, activations of one pack, the process. */
const TRAINER_BASE = 400 * 2 ** 20;
/** Weights for Hugging Face, weights in ONNX, two moments. */
const CHECKPOINT_BYTES_PER_PARAMETER = 4 * 4;
/** Of a sealed rollout: 4 bytes a token, compressed with its messages, and its index. */
const TRACE_BYTES = { rollout: 900, token: 5 };

export function estimateTraining(config: TuningForkConfig, info: Pick<TrainerInfo, 'parameters'>, tasks: { training: number; validation: number }, measured?: Measurement): TrainingEstimate {
  const { data, rollout, trainer_common: trainer } = config;
  const schedule = scheduleOf(tasks.training, data.train_batch_size);
  const steps = trainer.val_only ? 0 : totalSteps(config, schedule);
  const training = steps * schedule.tasksPerStep * rollout.num_repeat;
  const perEvaluation = validationTasks(tasks.validation, trainer.val_max_num_task_each_validation, 0).length * (1 + trainer.val_pass_n);
  const evaluations = trainer.test_freq > 0 && steps > 0 ? Math.ceil(steps / trainer.test_freq) + 1 : trainer.val_before_train || trainer.val_only ? 1 : 0;
  const rollouts = { training, validation: evaluations * perEvaluation };
  const all = rollouts.training + rollouts.validation;
  const perRollout = data.max_response_length ?? rollout.max_response_length_in_one_turn * rollout.multi_turn.max_steps;

  const count = steps === 0 ? 0 : (trainer.save_freq > 0 ? Math.ceil(steps / trainer.save_freq) : 1) + (evaluations > 1 ? 1 : 0);
  const bytes = info.parameters * CHECKPOINT_BYTES_PER_PARAMETER;
  const tokens = all * (measured?.sampledPerRollout ?? perRollout);
  // Bodies of the steps since the last checkpoint: some 40 bytes for each token of context and target.
  const bodies = Math.min(steps, Math.max(1, trainer.save_freq)) * schedule.tasksPerStep * rollout.num_repeat * 40 * 2 * (measured?.sampledPerRollout ?? perRollout);
  const referenced = stepSettings(config, info.parameters, 1).klCoef > 0;
  return {
    steps, rollouts, sampledTokens: { most: all * perRollout, likely: measured === undefined ? null : Math.round(tokens) },
    minutes: measured === undefined ? null : (all * measured.perRollout + steps * measured.perStep) / 60_000,
    trainerMemory: info.parameters * (BYTES_PER_PARAMETER + (referenced ? 4 : 0)) + TRAINER_BASE,
    disk: count * bytes + all * TRACE_BYTES.rollout + tokens * TRACE_BYTES.token + bodies,
    checkpoints: { count, bytes },
  };
}

/** Milliseconds until the end, from the steps and validations made so far; null before the first. */
export function timeLeft(rows: readonly StepRow[], steps: number, evaluations: { left: number; milliseconds: number }): number | null {
  const recent = rows.slice(-10);
  if (recent.length === 0) return null;
  const perStep = recent.reduce((sum, { time }) => sum + time.total, 0) / recent.length;
  return perStep * Math.max(0, steps - rows.at(-1)!.step) + evaluations.left * evaluations.milliseconds;
}
