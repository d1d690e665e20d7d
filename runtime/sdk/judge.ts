import type { OutputData, Task, Verdict } from '../protocol/task.ts';

/** Grades what a workflow returned. Unlike the workflow it sees the label: `task.label`. */
export abstract class Judge {
  abstract judge(task: Readonly<Task>, output: Readonly<OutputData>): Verdict | Promise<Verdict>;
}
