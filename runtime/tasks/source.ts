import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import { nearest } from '../protocol/suggest.ts';

/** The tasks of one split, in an order that never changes. */
export interface TaskSource {
  /** What a person would call it: a file's path, or a reader's name. */
  readonly name: string;
  /** A new pass from the first task on. */
  tasks(): AsyncGenerator<Task, void, void>;
  /** How many tasks there are; undefined until a pass has come to the end. */
  readonly count: number | undefined;
  /** The line of its file, for tasks that have been read. */
  lineOf?(taskId: string): number | undefined;
  /** Rows that were left out, the first thousand of them with their causes. */
  readonly badRows: readonly ErrorInfo[];
  readonly badRowCount: number;
}

/** The task of `--task <id>`. */
export async function findTask(source: TaskSource, taskId: string): Promise<{ task: Task; index: number }> {
  const ids: string[] = [];
  for await (const task of source.tasks()) {
    if (task.taskId === taskId) return { task, index: ids.length };
    ids.push(task.taskId);
  }
  const near = nearest(taskId, ids);
  throw new TuningForkError('data', `There is no task ${taskId} in ${source.name}.`, {
    next: near === undefined ? `Its tasks are called ${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ', …' : ''}.` : `Did you mean ${near}?`,
  });
}
