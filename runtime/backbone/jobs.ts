import type { Sampling } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import type { Task } from '../protocol/task.ts';
import type { RolloutPlace, RolloutRecord, Split } from '../protocol/trace.ts';
import { testNames, type RolloutTest } from '../trace/index.ts';

/** One rollout to be run, and run again under the same name if its worker is lost through no fault of its own. */
export interface Job {
  place: RolloutPlace;
  task: Task;
  attempt: number;
  /** How many rollouts of this task there are, so that the last of them is known. */
  repeats: number;
  /** Was in flight when a worker died and nobody knows why: it gets a worker for itself. */
  alone: boolean;
  /** How its calls are sampled, where that differs from the others of its run. */
  sampling?: Partial<Sampling>;
  /** A stored rollout whose first calls are served from the record. */
  record?: { rollout: RolloutRecord; calls: number; fork: number; tokens?: number };
}

/** Whether a job goes another way than the rollout it is a replay of. */
export function isFork({ rollout, calls, fork }: NonNullable<Job['record']>): boolean {
  return fork > 0 || calls < rollout.calls.length;
}

/** An attempt at a rollout, in one word. */
export function keyOf({ place, attempt }: Pick<Job, 'place' | 'attempt'>): string {
  return `${place.rollout}/${attempt}`;
}

/** The rewards of each task's rollouts, until the last of them has one or has failed. */
export class Groups {
  readonly #open = new Map<string, { left: number; rewards: number[] }>();

  /** A rollout has its reward, or won't have one. The rewards of all where it was the last. */
  settle({ place: { split, step, taskIndex }, repeats }: Job, reward: number | undefined): number[] | undefined {
    if (repeats === 1) return undefined;
    const key = `${split} ${step} ${taskIndex}`;
    const group = this.#open.get(key) ?? { left: repeats, rewards: [] };
    this.#open.set(key, group);
    if (reward !== undefined) group.rewards.push(reward);
    if (--group.left > 0) return undefined;
    this.#open.delete(key);
    return group.rewards;
  }
}

export interface JobPlan {
  run: string;
  split: Split;
  repeats: number;
  ids?: string[];
  first?: number;
}

/** Tasks x repeats, the repeats of a task side by side so that they share their prompt while it is warm. */
export async function* plannedJobs(tasks: AsyncIterable<Task>, plan: JobPlan): AsyncGenerator<Job> {
  const wanted = plan.ids === undefined ? undefined : new Set(plan.ids);
  const seen: string[] = [];
  let taskIndex = 0;
  let taken = 0;
  for await (const task of tasks) {
    if (wanted === undefined || wanted.delete(task.taskId)) {
      for (let sample = 0; sample < plan.repeats; sample++) {
        yield { task, attempt: 1, repeats: plan.repeats, alone: false, place: { run: plan.run, rollout: `s0t${taskIndex}n${sample}`, step: 0, split: plan.split, taskIndex, taskId: task.taskId, sample } };
      }
      taken++;
    } else if (seen.length < 10_000) {
      seen.push(task.taskId);
    }
    taskIndex++;
    if (wanted?.size === 0 || taken === plan.first) return;
  }
  const missing = wanted === undefined ? undefined : [...wanted][0];
  if (missing !== undefined) {
    const meant = nearest(missing, seen);
    throw new TuningForkError('data', `There is no ${plan.split} task "${missing}" among ${taskIndex}.`, {
      next: meant === undefined ? `The first is "${seen[0] ?? '–'}".` : `Did you mean "${meant}"?`,
    });
  }
}

/** A stored rollout, run again: once as it was, or as `forks` that go on anew after its first `calls` model calls and `tokens` tokens of the next answer. */
export async function* replayJobs(record: RolloutRecord, run: string, calls: number, forks: number, tokens?: number): AsyncGenerator<Job> {
  const task = taskOf(record);
  const { step, split, taskIndex, taskId, sample } = record;
  const job = (rollout: string, fork: number): Job => ({
    task, attempt: 1, repeats: Math.max(1, forks), alone: false, record: { rollout: record, calls, fork, tokens }, place: { run, rollout, step, split, taskIndex, taskId, sample },
  });
  if (forks === 0) yield job(record.rollout, 0);
  for (let fork = 1; fork <= forks; fork++) yield job(`${record.rollout}f${fork}`, fork);
}

/** Stored rollouts, each once as it was, all calls from its record. */
export async function* testJobs(tests: readonly RolloutTest[], run: string): AsyncGenerator<Job> {
  for (const [i, rollout] of testNames(tests).entries()) {
    const { record } = tests[i]!;
    for await (const job of replayJobs(record, run, record.calls.length, 0)) yield { ...job, place: { ...job.place, rollout } };
  }
}

export function taskOf(record: RolloutRecord): Task {
  return record.task as unknown as Task;
}
