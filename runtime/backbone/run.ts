/** One run of rollouts, from a client's request to its end. */
import type { Policy } from '../policy/policy.ts';
import type { CallDecision, PendingCall, RunEvent, RunProgress, RunStatus, StartRun } from '../protocol/backbone.ts';
import { errorInfo, type ErrorInfo } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { Backbone } from './backbone.ts';
import { EventLog } from './events.ts';
import { prepareRun, type Prepared } from './prepare.ts';
import { emptyProgress } from './progress.ts';
import { Rollouts } from './rollouts.ts';
import { keepTokenizer } from './tokenizers.ts';

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
  pending(rollout: string): PendingCall | null;
  release(rollout: string, decision?: CallDecision): void;
}

export class Run implements BackboneRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  #running = true;
  #cancelled = false;
  readonly #events: EventLog;
  readonly #progress: RunProgress = emptyProgress();
  readonly #started = performance.now();
  readonly #backbone: Backbone;
  readonly #prepared: Prepared;
  readonly #rollouts: Rollouts;

  /** Everything that can be wrong before anything runs is told by this promise, as one error. */
  static async prepare(request: StartRun, backbone: Backbone): Promise<Run> {
    return new Run(await prepareRun(request, backbone.project), backbone);
  }

  private constructor(prepared: Prepared, backbone: Backbone) {
    const { writer } = prepared;
    this.#prepared = prepared;
    this.#backbone = backbone;
    this.id = writer.info.run;
    this.dir = writer.dir;
    this.#events = new EventLog(this.id, prepared.secrets);
    this.#progress.planned = writer.info.planned;
    this.#events.emit({ type: 'started', info: writer.info, dir: this.dir });
    for (const notice of prepared.config.warnings) this.#events.emit({ type: 'notice', level: 'warning', notice });
    this.#rollouts = new Rollouts({
      prepared, writer, gateway: backbone.gateway, events: this.#events, progress: this.#progress, spare: backbone.takeSpare(),
      changed: (workers) => void this.#update({ workers }),
    });
    this.done = this.#go().finally(() => void (this.#running = false));
  }

  get running(): boolean {
    return this.#running;
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.#prepared.writer.info, progress: { ...this.#progress }, elapsed: performance.now() - this.#started, seq: this.#events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.#events.subscribe(listener, since);
  }

  /** The whole run, or one of its rollouts. Resolves once nothing of it runs any more. */
  async cancel(rollout?: string): Promise<void> {
    if (!this.#running) return;
    if (rollout === undefined) this.#cancelled = true;
    await this.#rollouts.cancel(rollout);
    if (rollout === undefined) await this.done;
  }

  hold(rollout: string): void {
    this.#rollouts.hold(rollout);
  }

  pending(rollout: string): PendingCall | null {
    return this.#rollouts.pending(rollout);
  }

  release(rollout: string, decision?: CallDecision): void {
    this.#rollouts.release(rollout, decision);
  }

  async #go(): Promise<void> {
    let failure: ErrorInfo | undefined;
    try {
      const model = await Promise.race([this.#load(), this.#rollouts.stopped()]);
      if (model !== undefined) {
        const { door, jobs, openDefault } = this.#prepared;
        await this.#rollouts.run(jobs(), { model, door, openDefault: (name) => openDefault(this.#backbone.policies, name) });
      }
    } catch (error) {
      // What breaks because it was cancelled is no failure.
      if (!this.#cancelled) failure = errorInfo(error);
    }
    await this.#rollouts.close();
    const state = this.#cancelled ? 'cancelled' : failure === undefined ? 'finished' : 'failed';
    try {
      await this.#prepared.writer.updateRun({ state, finished: new Date().toISOString(), workers: [], ...(failure && { error: failure }) });
      await this.#prepared.writer.close();
    } catch (error) {
      failure ??= errorInfo(error, 'trace');
    }
    this.#events.emit({ type: 'finished', state, error: failure });
  }

  /** The model loads while the worker does: both are slow, neither needs the other. */
  async #load(): Promise<Policy> {
    const opening = performance.now();
    const [model, workflow] = await Promise.all([
      this.#prepared.openModel(this.#backbone.policies).then((policy) => {
        this.#events.emit({ type: 'model-ready', label: policy.label, milliseconds: performance.now() - opening });
        return policy;
      }),
      this.#rollouts.start(),
    ]);
    const { directory } = model.kind === 'tokens' ? model : {};
    if (model.kind === 'tokens' && directory !== undefined) await keepTokenizer(this.#prepared.runsRoot, model.tokenizer.sha256, directory);
    await this.#update({ policy: model.label, workflow: workflow.name, ...(model.kind === 'tokens' && { tokenizer: { sha256: model.tokenizer.sha256, template: model.format.sha256 } }) });
    return model;
  }

  async #update(patch: Partial<RunInfo>): Promise<void> {
    // What can't be written here can't be written there either, where it ends the run.
    await this.#prepared.writer.updateRun(patch).catch(() => {});
  }
}
