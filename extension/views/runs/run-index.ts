/** A run's rollouts by step and task, as places in its index. Grows with the run; nothing is opened until it is looked at. */
import type { RunReader } from '../../../runtime/trace/index.ts';
import { SPLITS, STATUSES } from '../../../runtime/trace/index.ts';
import type { Split } from '../../../runtime/trace/index.ts';
import type { Predicate } from './filter.ts';

export interface Tally {
  rollouts: number;
  failed: number;
  rewards: number;
  rewardSum: number;
}

export interface TaskGroup {
  taskIndex: number;
  /** Places in the run's index. */
  rollouts: number[];
}

/** All rollouts of one step, or of one validation. */
export class StepGroup {
  readonly split: Split;
  readonly step: number;
  readonly tally = emptyTally();
  /** Whether any task has more than one rollout: else tasks are no level of their own. */
  repeated = false;
  readonly #tasks = new Map<number, TaskGroup>();
  #ordered: TaskGroup[] | undefined;

  constructor(split: Split, step: number) {
    this.split = split;
    this.step = step;
  }

  /** In the order of the data set. */
  get tasks(): readonly TaskGroup[] {
    return (this.#ordered ??= [...this.#tasks.values()].sort((a, b) => a.taskIndex - b.taskIndex));
  }

  task(taskIndex: number): TaskGroup | undefined {
    return this.#tasks.get(taskIndex);
  }

  add(index: number, taskIndex: number): void {
    const task = this.#tasks.get(taskIndex);
    if (task === undefined) {
      this.#tasks.set(taskIndex, { taskIndex, rollouts: [index] });
      this.#ordered = undefined;
    } else {
      task.rollouts.push(index);
      this.repeated = true;
    }
  }
}

/** The steps that grew. */
export type Growth = ReadonlySet<StepGroup>;

export class RunIndex {
  readonly reader: RunReader;
  /** Of all, whatever the filter shows. */
  readonly tally = emptyTally();
  readonly #filter: ((reader: RunReader) => Predicate) | undefined;
  readonly #steps = new Map<string, StepGroup>();
  #ordered: StepGroup[] | undefined;
  #taken = 0;

  constructor(reader: RunReader, filter?: (reader: RunReader) => Predicate) {
    this.reader = reader;
    this.#filter = filter;
    this.#take();
  }

  /** The newest first; a validation stands before the steps it came after. */
  get steps(): readonly StepGroup[] {
    return (this.#ordered ??= [...this.#steps.values()].sort((a, b) => b.step - a.step || SPLITS.indexOf(b.split) - SPLITS.indexOf(a.split)));
  }

  /** Reads what was sealed since. */
  async refresh(): Promise<Growth> {
    await this.reader.refresh();
    return this.#take();
  }

  #take(): Growth {
    const { reader } = this;
    const growth = new Set<StepGroup>();
    const from = this.#taken;
    this.#taken = reader.count;
    if (from === this.#taken) return growth;
    const shown = this.#filter?.(reader);
    const [steps, splits, tasks, rewards, statuses] = [reader.column('step'), reader.column('split'), reader.column('taskIndex'), reader.column('reward'), reader.column('status')];
    let group: StepGroup | undefined;
    for (let i = from; i < this.#taken; i++) {
      count(this.tally, rewards[i]!, statuses[i]!);
      if (shown?.(i) === false) continue;
      const [split, step, taskIndex] = [SPLITS[splits[i]!]!, steps[i]!, tasks[i]!];
      if (group?.step !== step || group.split !== split) growth.add((group = this.#group(split, step)));
      group.add(i, taskIndex);
      count(group.tally, rewards[i]!, statuses[i]!);
    }
    return growth;
  }

  #group(split: Split, step: number): StepGroup {
    const key = `${split} ${step}`;
    let group = this.#steps.get(key);
    if (group === undefined) {
      this.#steps.set(key, (group = new StepGroup(split, step)));
      this.#ordered = undefined;
    }
    return group;
  }
}

/** Of all rollouts of a run, without sorting them. */
export function tallyOf(reader: RunReader): Tally {
  const tally = emptyTally();
  const statuses = reader.column('status');
  reader.column('reward').forEach((reward, i) => count(tally, reward, statuses[i]!));
  return tally;
}

function emptyTally(): Tally {
  return { rollouts: 0, failed: 0, rewards: 0, rewardSum: 0 };
}

const FAILED = STATUSES.indexOf('failed');

function count(tally: Tally, reward: number, status: number): void {
  tally.rollouts++;
  if (status === FAILED) tally.failed++;
  if (Number.isNaN(reward)) return;
  tally.rewards++;
  tally.rewardSum += reward;
}
