/** What the Runs tree is made of. Nodes are kept, so that a change redraws only what it touches. */
import type { IndexEntry } from '../../../runtime/trace/index.ts';
import { readerOf } from '../../runs/readers.ts';
import type { readFilter } from './filter.ts';
import type { StoredRun } from './library.ts';
import { RunIndex, tallyOf, type Growth, type StepGroup, type Tally, type TaskGroup } from './run-index.ts';

/** Children of a node at first, and with each "Show more…". */
export const PAGE = 200;

export type Filter = ReturnType<typeof readFilter>;
export type Node = ProjectNode | RunNode | StepNode | TaskNode | RolloutNode | MoreNode;
export type Parent = ProjectNode | RunNode | StepNode | TaskNode;

export class ProjectNode {
  readonly kind = 'project';
  readonly parent = undefined;
  readonly project: string;
  shown = PAGE;

  constructor(project: string) {
    this.project = project;
  }
}

/** The last child of a node that has more. */
export class MoreNode {
  readonly kind = 'more';
  readonly parent: Parent;
  readonly left: number;

  constructor(parent: Parent, left: number) {
    this.parent = parent;
    this.left = left;
  }
}

/** Also the `RunPlace` of every command on a run. */
export class RunNode {
  readonly kind = 'run';
  /** Where there is more than one project. */
  parent: ProjectNode | undefined;
  stored: StoredRun;
  shown = PAGE;
  #index: Promise<RunIndex> | undefined;
  #opened: RunIndex | undefined;
  #tally: Promise<Tally> | undefined;
  #growing: Promise<Growth | undefined> = Promise.resolve(undefined);
  #filter: Filter;
  readonly step = once((group: StepGroup) => new StepNode(this, group));

  constructor(stored: StoredRun) {
    this.stored = stored;
  }

  get project(): string {
    return this.stored.project;
  }

  get run(): string {
    return this.stored.run;
  }

  get dir(): string {
    return this.stored.dir;
  }

  /** Its rollouts, once somebody has looked into it. */
  get opened(): RunIndex | undefined {
    return this.#opened;
  }

  index(filter: Filter): Promise<RunIndex> {
    if (filter !== this.#filter) {
      this.#filter = filter;
      // The same reader under another filter: nothing is read again.
      const reader = this.#opened?.reader;
      if (reader !== undefined) {
        this.#opened = new RunIndex(reader, filter);
        this.#index = Promise.resolve(this.#opened);
        return this.#index;
      }
      this.#index = undefined;
    }
    this.#index ??= readerOf(this.dir).then((reader) => (this.#opened = new RunIndex(reader, this.#filter)));
    this.#index.catch(() => void (this.#index = undefined));
    return this.#index;
  }

  /** Counts for one line. */
  tally(): Promise<Tally> {
    if (this.#opened !== undefined) return Promise.resolve(this.#opened.tally);
    this.#tally ??= readerOf(this.dir).then(tallyOf);
    return this.#tally;
  }

  /** It changed on the disk. */
  grow(): Promise<Growth | undefined> {
    this.#tally = undefined;
    // One after the other: two at once would read the same rollouts twice.
    this.#growing = this.#growing.catch(() => {}).then(() => this.#opened?.refresh());
    return this.#growing;
  }

  /** Runs of one step have no level for it. */
  children(index: RunIndex): (StepNode | TaskNode | RolloutNode | MoreNode)[] {
    const [only] = index.steps;
    if (index.steps.length === 1) return this.step(only!).children(index);
    return page(this, index.steps, this.step);
  }
}

export class StepNode {
  readonly kind = 'step';
  readonly parent: RunNode;
  readonly group: StepGroup;
  shown = PAGE;
  readonly task = once((group: TaskGroup) => new TaskNode(this, group));

  constructor(parent: RunNode, group: StepGroup) {
    this.parent = parent;
    this.group = group;
  }

  /** The step is no level of its own where there is only one: then its children are the run's. */
  get visible(): StepNode | RunNode {
    return this.parent.opened?.steps.length === 1 ? this.parent : this;
  }

  children(index: RunIndex): (TaskNode | RolloutNode | MoreNode)[] {
    const { repeated, tasks } = this.group;
    return page(this.visible, tasks, (group) => (repeated ? this.task(group) : this.task(group).rollout(group.rollouts[0]!, index)));
  }
}

export class TaskNode {
  readonly kind = 'task';
  readonly step: StepNode;
  readonly group: TaskGroup;
  shown = PAGE;
  readonly #rollouts = new Map<number, RolloutNode>();

  constructor(step: StepNode, group: TaskGroup) {
    this.step = step;
    this.group = group;
  }

  get parent(): StepNode | RunNode {
    return this.step.visible;
  }

  entries(index: RunIndex): IndexEntry[] {
    return this.group.rollouts.map((i) => index.reader.entry(i));
  }

  children(index: RunIndex): (RolloutNode | MoreNode)[] {
    const sorted = this.group.rollouts.map((i) => this.rollout(i, index)).sort(({ entry: a }, { entry: b }) => a.sample - b.sample || a.id.localeCompare(b.id, 'en', { numeric: true }));
    return page(this, sorted, (node) => node);
  }

  rollout(i: number, index: RunIndex): RolloutNode {
    let node = this.#rollouts.get(i);
    if (node === undefined) this.#rollouts.set(i, (node = new RolloutNode(this, index.reader.entry(i))));
    return node;
  }
}

/** Also the `RolloutPlace` of every command on a rollout. */
export class RolloutNode {
  readonly kind = 'rollout';
  readonly task: TaskNode;
  readonly entry: IndexEntry;

  constructor(task: TaskNode, entry: IndexEntry) {
    this.task = task;
    this.entry = entry;
  }

  get parent(): TaskNode | StepNode | RunNode {
    return this.task.step.group.repeated ? this.task : this.task.parent;
  }

  get runNode(): RunNode {
    return this.task.step.parent;
  }

  get dir(): string {
    return this.runNode.dir;
  }

  get rollout(): string {
    return this.entry.id;
  }
}

/** What is made of a thing the first time, and the same again each time after. */
function once<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make(key)));
    return value;
  };
}

/** The first children of a node, and a way to the others. */
export function page<T, N extends Node>(parent: Parent, all: readonly T[], node: (one: T) => N): (N | MoreNode)[] {
  const shown = all.slice(0, parent.shown).map(node);
  return all.length > parent.shown ? [...shown, new MoreNode(parent, all.length - parent.shown)] : shown;
}
