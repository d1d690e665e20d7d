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
  readonly tally: Tally = { rollouts: 0, failed: 0, rewards: 0, rewardSum: 0 };
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

/** What grew: the steps, and of each the tasks. */
export type Growth = Map<StepGroup, Set<number>>;

export class RunIndex {
  readonly reader: RunReader;
  /** Of all, whatever the filter shows. */
  readonly tally: Tally = { rollouts: 0, failed: 0, rewards: 0, rewardSum: 0 };
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
    const growth: Growth = new Map();
    const from = this.#taken;
    this.#taken = reader.count;
    if (from === this.#taken) return growth;
    const shown = this.#filter?.(reader);
    const [steps, splits, tasks, rewards, statuses] = [reader.column('step'), reader.column('split'), reader.column('taskIndex'), reader.column('reward'), reader.column('status')];
    const failed = STATUSES.indexOf('failed');
    let group: StepGroup | undefined;
    for (let i = from; i < this.#taken; i++) {
      count(this.tally, rewards[i]!, statuses[i] === failed);
      if (shown?.(i) === false) continue;
      const [split, step, taskIndex] = [SPLITS[splits[i]!]!, steps[i]!, tasks[i]!];
      if (group?.step !== step || group.split !== split) group = this.#group(split, step);
      group.add(i, taskIndex);
      count(group.tally, rewards[i]!, statuses[i] === failed);
      const grown = growth.get(group);
      if (grown === undefined) growth.set(group, new Set([taskIndex]));
      else grown.add(taskIndex);
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

function count(tally: Tally, reward: number, failed: boolean): void {
  tally.rollouts++;
  if (failed) tally.failed++;
  if (Number.isNaN(reward)) return;
  tally.rewards++;
  tally.rewardSum += reward;
}
