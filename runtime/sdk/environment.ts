import type { Task, Verdict } from '../protocol/task.ts';

/** A world an agent acts in: a game, a shell, a browser. Each method may be synchronous. */
export interface Environment<Observation = string, Action = string> {
  /** Starts an episode of this task and tells what the agent sees first. */
  reset(task: Omit<Task, 'label'>): Observation | Promise<Observation>;
  step(action: Action): Step<Observation> | Promise<Step<Observation>>;
  /** The score of the episode as it stands: what the judge `builtin->environment` takes for the reward. */
  evaluate?(): number | Verdict | Promise<number | Verdict>;
  close?(): void | Promise<void>;
}

export interface Step<Observation = string> {
  observation: Observation;
  reward: number;
  done: boolean;
  info?: { [key: string]: unknown };
}

/** What the judge needs of an environment, whatever it observes and takes. */
export type Evaluable = Pick<Environment, 'evaluate' | 'close'>;
