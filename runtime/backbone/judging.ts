import type { ResolvedJudge } from '../judges/resolve.ts';
import { fromErrorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import type { FromWorker, WorkerLoad } from '../protocol/worker.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface Graded {
  /** Absent when the workflow gave its own reward: the judge is skipped. */
  verdict?: Verdict;
  judge?: string;
}

/** What is to be graded, and where the user's judge would run. */
interface Gradable {
  key: string;
  task: Task;
  output: OutputData;
  worker: WorkerProcess | undefined;
}

/** Rewards for rollouts whose workflow gave none: by a built-in judge here, by the user's own in the worker. */
export class Judging {
  readonly #judge: ResolvedJudge;
  readonly #waiting = new Map<string, PromiseWithResolvers<Verdict>>();

  constructor(judge: ResolvedJudge) {
    this.#judge = judge;
  }

  async grade({ key, task, output, worker }: Gradable): Promise<Graded> {
    if (output.reward !== null) return {};
    const judge = this.#judge;
    if (judge.kind === 'none') {
      throw new TuningForkError('reward', 'The workflow returned no reward, and no judge is configured.', {
        next: 'Return new WorkflowOutput({ reward }), or name a judge in task_judge.judge_protocol.',
      });
    }
    if (judge.kind === 'builtin') return { verdict: judge.judge.judge(task, output), judge: judge.judge.name };
    const waiting = Promise.withResolvers<Verdict>();
    this.#waiting.set(key, waiting);
    const [rollout, attempt] = key.split('/') as [string, string];
    worker!.send({ type: 'judge', rollout, attempt: Number(attempt), task, output });
    return { verdict: await waiting.promise, judge: judge.className };
  }

  receive(key: string, { verdict, error }: Extract<FromWorker, { type: 'judged' }>): void {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (verdict !== undefined) waiting?.resolve(verdict);
    else waiting?.reject(fromErrorInfo(error ?? { code: 'judge', message: 'The judge gave no answer.' }));
  }

  /** Nobody waits for its verdict any more. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }
}

/** A rollout whose judge failed can be judged again; what a workflow itself does wrong is another matter. */
export function ofJudge(error: ErrorInfo, { judge }: Pick<WorkerLoad, 'judge'>): ErrorInfo {
  return { ...error, code: 'judge', message: error.message.replace(/^The workflow /, 'The judge '), where: error.where ?? (judge && { file: judge.file }) };
}
