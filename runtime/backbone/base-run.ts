/** What every run has: a trace, events, figures, and an end. */
import type { Gateway } from '../gateway/server.ts';
import type { CallDecision, RunEvent, RunStatus } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError, type ErrorCode, type ErrorInfo } from '../protocol/errors.ts';
import type { Stopped, StopPoint } from '../protocol/stops.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { RunWriter } from '../trace/writer.ts';
import { EventLog } from './events.ts';
import type { PolicyCache } from './policies.ts';
import { Progress } from './progress.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Where runs are: what they share. */
export interface Host {
  readonly project: string;
  readonly gateway: Gateway;
  readonly policies: PolicyCache;
  takeSpare(): WorkerProcess | undefined;
  /** No other run goes on. */
  isAlone(run: string): boolean;
}

export interface RunParts {
  writer: RunWriter;
  secrets: readonly string[];
  warnings: readonly ErrorInfo[];
}

export abstract class BaseRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  protected readonly writer: RunWriter;
  protected readonly events: EventLog;
  protected readonly progress: Progress;
  #running = true;

  protected constructor({ writer, secrets, warnings }: RunParts) {
    const { info, dir } = writer;
    this.writer = writer;
    this.id = info.run;
    this.dir = dir;
    this.events = new EventLog(this.id, secrets);
    this.progress = new Progress(this.events, info.planned);
    this.events.emit({ type: 'started', info, dir });
    for (const notice of warnings) this.events.emit({ type: 'notice', level: 'warning', notice });
    // Later, once the fields of the class that extends this one are there.
    this.done = Promise.resolve().then(() => this.#go()).finally(() => void (this.#running = false));
  }

  get running(): boolean {
    return this.#running;
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.writer.info, progress: { ...this.progress.figures }, elapsed: this.progress.elapsed, seq: this.events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.events.subscribe(listener, since);
  }

  /** The whole run, or one of its rollouts. Resolves once nothing of it runs any more. */
  async cancel(_rollout?: string): Promise<void> {
    if (!this.#running) return;
    await this.stop();
    await this.done;
  }

  /** Where no rollout goes on, none can be held. */
  hold(_rollout: string): void {}
  setStops(_stops: StopPoint[]): void {}
  release(_rollout: string, _decision?: CallDecision, _step?: boolean): void {}
  stopped(_rollout?: string): Stopped[] {
    return [];
  }

  pause(_paused: boolean): void {
    throw this.#noTraining('paused');
  }

  async checkpoint(): Promise<void> {
    throw this.#noTraining('saved');
  }

  /** Does the work. True: it ended before its end, because it was told to. */
  protected abstract work(): Promise<boolean>;
  protected abstract stop(): Promise<void>;
  /** After the work, however it ended. */
  protected abstract closed(): Promise<void>;

  protected async update(patch: Partial<RunInfo>): Promise<void> {
    // What can't be written here can't be written there either, where it ends the run.
    await this.writer.updateRun(patch).catch(() => {});
  }

  #noTraining(what: 'paused' | 'saved'): TuningForkError {
    return new TuningForkError('usage', `Run ${this.id} is a ${this.writer.info.kind}; only a training can be ${what}.`, { next: '"tuning-fork runs list" shows the trainings.' });
  }

  async #go(): Promise<void> {
    let failure: ErrorInfo | undefined;
    let stopped = false;
    const go = (does: () => Promise<void>, code?: ErrorCode): Promise<void> => does().catch((error: unknown) => void (failure ??= errorInfo(error, code)));
    await go(async () => void (stopped = await this.work()));
    await go(() => this.closed());
    const state = failure !== undefined ? 'failed' : stopped ? 'cancelled' : 'finished';
    const told = failure;
    await go(() => this.writer.updateRun({ state, finished: new Date().toISOString(), workers: [], ...(told && { error: told }) }), 'trace');
    await go(() => this.writer.close(), 'trace');
    this.events.emit({ type: 'finished', state, error: failure });
  }
}
