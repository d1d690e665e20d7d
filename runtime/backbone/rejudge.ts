/** Stored rollouts graded again by the judge as it is now. No workflow runs, no model is called; the result is a run of its own. */
import { splitTarget } from '../config/target.ts';
import { judgeOf } from '../judges/resolve.ts';
import type { RunProgress, RunStatus, RunEvent, StartRun } from '../protocol/backbone.ts';
import { errorInfo, type ErrorInfo } from '../protocol/errors.ts';
import type { OutputData } from '../protocol/task.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import { openRunReader, type RunReader } from '../trace/index.ts';
import { createRun, type RunWriter } from '../trace/writer.ts';
import type { Backbone } from './backbone.ts';
import { Crew } from './crew.ts';
import { EventLog } from './events.ts';
import { taskOf } from './jobs.ts';
import { Judging } from './judging.ts';
import { loadRunConfig, runsRoot, workerLoad } from './prepare.ts';
import { countEntry, emptyProgress } from './progress.ts';
import type { BackboneRun } from './run.ts';
import { stampOf } from './stamp.ts';

export class Rejudge implements BackboneRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  running = true;
  #cancelled = false;
  readonly #writer: RunWriter;
  readonly #reader: RunReader;
  readonly #judging: Judging;
  readonly #crew: Crew | undefined;
  readonly #events: EventLog;
  readonly #progress: RunProgress = emptyProgress();
  readonly #started = performance.now();
  #crashed: (error: ErrorInfo) => void = () => {};

  static async prepare(request: StartRun, backbone: Backbone): Promise<Rejudge> {
    const config = await loadRunConfig(request);
    const reader = await openRunReader(request.rejudge!.dir);
    const judge = judgeOf(config, splitTarget(config.config.rollout.user_workflow).className);
    const { project_name: project, experiment_name: experiment } = config.config;
    const { workflow, policy, tokenizer } = reader.info;
    const writer = await createRun(runsRoot(backbone.project, config), {
      project, experiment, kind: 'rejudge', conf: config.file, config: config.shown, workflow, policy, tokenizer,
      planned: reader.count, backbone: stampOf(process.pid), workers: [],
    }, { secrets: config.secrets });
    return new Rejudge(reader, writer, new Judging(judge), judge.kind !== 'user' ? undefined : (rejudge) => new Crew({
      load: workerLoad(config, judge, request, backbone.project), workers: 1, perWorker: 1, memory: config.config.rollout.worker_memory, spare: backbone.takeSpare(),
      message: (message) => {
        if (message.type === 'judged') rejudge.#judging.receive(`${message.rollout}/${message.attempt}`, message);
        if (message.type === 'log') rejudge.#events.emit({ type: 'log', rollout: message.rollout, stream: message.stream, text: message.text });
      },
      lost: (_key, { error }) => rejudge.#crashed({ ...error, code: 'judge', message: error.message.replace('workflow', 'judge') }),
      broken: (error) => rejudge.#crashed(errorInfo(error)),
      changed: (workers) => void writer.updateRun({ workers }).catch(() => {}),
    }));
  }

  private constructor(reader: RunReader, writer: RunWriter, judging: Judging, crew: ((rejudge: Rejudge) => Crew) | undefined) {
    this.#reader = reader;
    this.#writer = writer;
    this.#judging = judging;
    this.id = writer.info.run;
    this.dir = writer.dir;
    this.#events = new EventLog(this.id);
    this.#progress.planned = reader.count;
    this.#crew = crew?.(this);
    this.#events.emit({ type: 'started', info: writer.info, dir: this.dir });
    this.done = this.#go().finally(() => void (this.running = false));
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.#writer.info, progress: { ...this.#progress }, elapsed: performance.now() - this.#started, seq: this.#events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.#events.subscribe(listener, since);
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#crashed({ code: 'rollout-cancelled', message: 'Cancelled.' });
    await this.done;
  }

  /** There is no model call to hold. */
  hold(): void {}
  release(): void {}
  pending(): null {
    return null;
  }

  async #go(): Promise<void> {
    let failure: ErrorInfo | undefined;
    try {
      await this.#crew?.start();
      for (let index = 0; index < this.#reader.count && !this.#cancelled; index++) {
        const record = await this.#graded(await this.#reader.read(index));
        const entry = await this.#writer.seal(record);
        countEntry(this.#progress, entry);
        this.#events.emit({ type: 'rollout-finished', entry, error: record.error });
      }
    } catch (error) {
      failure = errorInfo(error);
    }
    this.#crew?.stop();
    const state = this.#cancelled ? 'cancelled' : failure === undefined ? 'finished' : 'failed';
    await this.#writer.updateRun({ state, finished: new Date().toISOString(), workers: [], ...(failure && { error: failure }) }).catch(() => {});
    await this.#writer.close().catch((error: unknown) => void (failure ??= errorInfo(error, 'trace')));
    this.#events.emit({ type: 'progress', progress: { ...this.#progress }, elapsed: performance.now() - this.#started });
    this.#events.emit({ type: 'finished', state, error: failure });
  }

  /** Only what a judge gave, or failed to give, is graded anew: a workflow's own reward and a failed rollout stay. */
  async #graded(record: RolloutRecord): Promise<RolloutRecord> {
    const judged = record.judge !== undefined || record.error?.code === 'judge' || record.error?.code === 'reward';
    if (!judged) return record;
    const { error: _error, judge: _judge, ...rest } = record;
    const output: OutputData = { reward: null, isSuccess: null, metadata: record.metadata, logMetrics: record.metrics ?? {} };
    const key = `${record.rollout}/${record.attempt}`;
    const seat = await this.#crew?.seat(key, false);
    const crashed = new Promise<never>((_, reject) => void (this.#crashed = (error) => reject(Object.assign(new Error(error.message), error))));
    try {
      const { verdict, judge } = await Promise.race([this.#judging.grade({ key, task: taskOf(record), output, worker: seat?.worker }), crashed]);
      return { ...rest, status: 'finished', reward: verdict!.reward, success: verdict!.success, judge: { name: judge!, ...verdict! } };
    } catch (error) {
      return { ...rest, status: 'failed', reward: null, success: null, error: errorInfo(error, 'judge') };
    } finally {
      seat?.leave(false);
    }
  }
}
