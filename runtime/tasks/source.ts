import type { ErrorInfo } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';

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
