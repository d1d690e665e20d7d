/** What every run of rollouts has: a trace, events, and rollouts that a client can look into while they go on. */
import type { CallDecision, RunEvent, RunProgress, RunStatus } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { Stopped, StopPoint } from '../protocol/stops.ts';
import type { ProcessStamp, RunInfo } from '../protocol/trace.ts';
import type { Backbone } from './backbone.ts';
import { EventLog } from './events.ts';
import type { Prepared } from './prepare.ts';
import { emptyProgress } from './progress.ts';
import { Rollouts } from './rollouts.ts';

/** What a client can do with a run, whatever kind it is. */
export interface BackboneRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  readonly running: boolean;
  status(): RunStatus;
  subscribe(listener: (event: RunEvent) => void, since: number): () => void;
  cancel(rollout?: string): Promise<void>;
  hold(rollout: string): void;
  setStops(stops: StopPoint[]): void;
  stopped(rollout?: string): Stopped[];
  release(rollout: string, decision?: CallDecision, step?: boolean): void;
  pause(paused: boolean): void;
  checkpoint(): Promise<void>;
}

export abstract class BaseRun implements BackboneRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  protected readonly backbone: Backbone;
  protected readonly prepared: Prepared;
  protected readonly events: EventLog;
  protected readonly rollouts: Rollouts;
  protected readonly progress: RunProgress = emptyProgress();
  readonly #started = performance.now();
  #running = true;

  protected constructor(prepared: Prepared, backbone: Backbone) {
    const { writer } = prepared;
    this.prepared = prepared;
    this.backbone = backbone;
    this.id = writer.info.run;
    this.dir = writer.dir;
    this.events = new EventLog(this.id, prepared.secrets);
    this.progress.planned = writer.info.planned;
    this.events.emit({ type: 'started', info: writer.info, dir: this.dir });
    for (const notice of prepared.config.warnings) this.events.emit({ type: 'notice', level: 'warning', notice });
    this.rollouts = new Rollouts({
      prepared, writer, gateway: backbone.gateway, events: this.events, progress: this.progress, spare: backbone.takeSpare(),
      changed: (workers) => void this.update({ workers: [...workers, ...this.others] }),
    });
    // Later, once the fields of the class that extends this one are there.
    this.done = Promise.resolve().then(() => this.#go()).finally(() => void (this.#running = false));
  }

  get running(): boolean {
    return this.#running;
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.prepared.writer.info, progress: { ...this.progress }, elapsed: performance.now() - this.#started, seq: this.events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.events.subscribe(listener, since);
  }

  /** The whole run, or one of its rollouts. Resolves once nothing of it runs any more. */
  async cancel(rollout?: string): Promise<void> {
    if (!this.#running) return;
    if (rollout !== undefined) return this.rollouts.cancel(rollout);
    await this.stop();
    await this.done;
  }

  hold(rollout: string): void {
    this.rollouts.hold(rollout);
  }

  setStops(stops: StopPoint[]): void {
    this.rollouts.holding.setStops(stops);
  }

  stopped(rollout?: string): Stopped[] {
    return this.rollouts.holding.stopped(rollout);
  }

  release(rollout: string, decision?: CallDecision, step?: boolean): void {
    this.rollouts.holding.release(rollout, decision, step);
  }

  pause(_paused: boolean): void {
    throw noTraining('paused', this.prepared.writer.info);
  }

  async checkpoint(): Promise<void> {
    throw noTraining('saved', this.prepared.writer.info);
  }

  /** Does the work. True: it ended before its end, because it was told to. */
  protected abstract work(): Promise<boolean>;
  protected abstract stop(): Promise<void>;

  /** After the last rollout. */
  protected async closed(): Promise<void> {}

  /** Processes of the run beside its workers. */
  protected get others(): ProcessStamp[] {
    return [];
  }

  protected async update(patch: Partial<RunInfo>): Promise<void> {
    // What can't be written here can't be written there either, where it ends the run.
    await this.prepared.writer.updateRun(patch).catch(() => {});
  }

  async #go(): Promise<void> {
    const { writer } = this.prepared;
    let failure: ErrorInfo | undefined;
    let stopped = false;
    try {
      stopped = await this.work();
    } catch (error) {
      failure = errorInfo(error);
    }
    await this.rollouts.close();
    await this.closed();
    const state = failure !== undefined ? 'failed' : stopped ? 'cancelled' : 'finished';
    try {
      await writer.updateRun({ state, finished: new Date().toISOString(), workers: [], ...(failure && { error: failure }) });
      await writer.close();
    } catch (error) {
      failure ??= errorInfo(error, 'trace');
    }
    this.events.emit({ type: 'finished', state, error: failure });
  }
}

export function noTraining(what: 'paused' | 'saved', { run, kind }: Pick<RunInfo, 'run' | 'kind'>): TuningForkError {
  return new TuningForkError('usage', `Run ${run} is a ${kind}; only a training can be ${what}.`, { next: '"tuning-fork runs list" shows the trainings.' });
}
