/** Which tasks a step takes, and what its rollouts are called. All of it follows from seed and step, so that there is no state to lose. */
import { createHash } from 'node:crypto';
import { TokenRandom } from '../policy/random.ts';
import type { Sampling } from '../protocol/chat.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import type { Task } from '../protocol/task.ts';
import type { RolloutPlace } from '../protocol/trace.ts';

/** A rollout to be run. Its name is unique in the run and says where it belongs. */
export interface PlannedRollout {
  place: Omit<RolloutPlace, 'run'>;
  task: Task;
  /** In place of what the configuration says. */
  sampling: Partial<Sampling>;
}

/** A uniform number in [0, 1) for each index, from a key. */
export function keyedRandom(...key: (string | number)[]): (index: number) => number {
  const random = new TokenRandom(createHash('sha256').update(JSON.stringify(key)).digest().readBigUInt64LE(0));
  return (index) => random.uniform(index);
}

/** The numbers 0 to count - 1 in an order that the key decides. */
export function keyedOrder(count: number, ...key: (string | number)[]): number[] {
  const random = keyedRandom(...key);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random(i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export interface Schedule {
  tasksPerStep: number;
  stepsPerEpoch: number;
}

/** An epoch has whole steps only: the few tasks left over are others in each epoch, and no step holds a task twice. */
export function scheduleOf(tasks: number, batch: number): Schedule {
  const tasksPerStep = Math.min(tasks, batch);
  return { tasksPerStep, stepsPerEpoch: Math.floor(tasks / tasksPerStep) };
}

export function totalSteps({ trainer_common: trainer }: TuningForkConfig, { stepsPerEpoch }: Schedule): number {
  return trainer.total_training_steps ?? trainer.total_epochs * stepsPerEpoch;
}

/** Steps and epochs count from 1. */
export function tasksOfStep(step: number, tasks: number, seed: number, { tasksPerStep, stepsPerEpoch }: Schedule): { epoch: number; indices: number[] } {
  const epoch = Math.floor((step - 1) / stepsPerEpoch) + 1;
  const first = ((step - 1) % stepsPerEpoch) * tasksPerStep;
  return { epoch, indices: keyedOrder(tasks, 'epoch', seed, epoch).slice(first, first + tasksPerStep) };
}

/** The tasks every validation of a training takes, so that they can be compared: all, or a draw that the seed decides. */
export function validationTasks(tasks: number, limit: number | null, seed: number): number[] {
  if (limit === null || limit >= tasks) return Array.from({ length: tasks }, (_, i) => i);
  return keyedOrder(tasks, 'validation', seed).slice(0, limit).sort((a, b) => a - b);
}

/** The repeats of a task side by side, so that they share their prompt while it is warm. */
export function planStep(step: number, indices: readonly number[], tasks: readonly Task[], repeats: number): PlannedRollout[] {
  return indices.flatMap((taskIndex) => Array.from({ length: repeats }, (_, sample): PlannedRollout => ({
    task: tasks[taskIndex]!, sampling: {},
    place: { rollout: `s${step}t${taskIndex}n${sample}`, step, split: 'training', taskIndex, taskId: tasks[taskIndex]!.taskId, sample },
  })));
}

/** Sample 0 of a task is greedy, the others are sampled as in training. */
export function planEvaluation(step: number, indices: readonly number[], tasks: readonly Task[], repeats: number, sampling: Sampling): PlannedRollout[] {
  return indices.flatMap((taskIndex) => Array.from({ length: repeats + 1 }, (_, sample): PlannedRollout => ({
    task: tasks[taskIndex]!, sampling: sample === 0 ? { ...sampling, temperature: 0 } : sampling,
    place: { rollout: `v${step}t${taskIndex}n${sample}`, step, split: 'validation', taskIndex, taskId: tasks[taskIndex]!.taskId, sample },
  })));
}
