import { join } from 'node:path';
import type { BackboneStatus, StartRun } from '../protocol/backbone.ts';
import { errorInfo, fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import { Redactor } from '../trace/redact.ts';
import { startGateway, type Gateway } from '../gateway/server.ts';
import { endOrphans } from './orphans.ts';
import { PolicyCache } from './policies.ts';
import { Rejudge } from './rejudge.ts';
import type { BaseRun, Host } from './base-run.ts';
import { Run } from './run.ts';
import { Scorer } from './score.ts';
import { secretsOf } from './secrets.ts';
import { TrainingRun } from './training.ts';
import { WorkerProcess } from './worker-process.ts';

const KINDS: Record<StartRun['kind'], { prepare(request: StartRun, host: Host): Promise<BaseRun> }> = {
  rollout: Run, check: Run, replay: Run, test: Run, rejudge: Rejudge, training: TrainingRun,
};

/** How many finished runs stay known for clients that attach late; all of them are on disk. */
const KEPT_RUNS = 20;
/** Whatever hangs in a shutdown is left behind after this time. */
const STOP_MS = 10_000;

/** Everything of one project but user code and weight updates. */
export class Backbone implements Host {
  readonly project: string;
  readonly policies = new PolicyCache();
  readonly gateway: Gateway;
  readonly scorer = new Scorer();
  /** Called when the last run has ended. */
  onIdle: () => void = () => {};
  readonly #runs = new Map<string, BaseRun>();
  readonly #started = Date.now();
  readonly #version: string;
  readonly #quit: () => void;
  #spare: WorkerProcess | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(project: string, version: string, gateway: Gateway, quit: () => void) {
    this.project = project;
    this.#version = version;
    this.gateway = gateway;
    this.#quit = quit;
    this.#spare = new WorkerProcess();
  }

  static async open(project: string, version: string, quit: () => void): Promise<Backbone> {
    await endOrphans(join(project, 'runs'));
    return new Backbone(project, version, await startGateway(), quit);
  }

  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  get busy(): boolean {
    return [...this.#runs.values()].some((run) => run.running);
  }

  isAlone(id: string): boolean {
    return [...this.#runs.values()].every((run) => run.id === id || !run.running);
  }

  identity(): { pid: number; version: string; project: string } {
    return { pid: process.pid, version: this.#version, project: this.project };
  }

  async start(request: StartRun): Promise<{ run: string; dir: string }> {
    if (this.stopping) throw new TuningForkError('backbone', 'The backbone is shutting down.', { next: 'Run the command again.' });
    // A GPU has no room for weights that are trained and others that were looked at a moment ago.
    if (request.kind === 'training') await this.scorer.close();
    const run = await KINDS[request.kind].prepare(request, this).catch((error: unknown) => {
      // A path or a name that is not there is quoted, and `${NAME}` may have put a key in its place.
      throw fromErrorInfo(new Redactor(secretsOf({ secrets: [] }, request.env)).redact(errorInfo(error)));
    });
    this.#runs.set(run.id, run);
    void run.done.then(() => {
      this.#forgetOldRuns();
      if (!this.busy) void this.policies.trim();
      this.onIdle();
    });
    return { run: run.id, dir: run.dir };
  }

  run(id: string): BaseRun {
    const run = this.#runs.get(id);
    if (run === undefined) throw new TuningForkError('usage', `There is no run ${id} here.`, { next: '"tuning-fork runs list" shows the stored ones.' });
    return run;
  }

  /** A worker that has started already; the next one begins to start at once. */
  takeSpare(): WorkerProcess | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    setTimeout(() => {
      if (!this.stopping) this.#spare ??= new WorkerProcess();
    }, 1_000).unref();
    return spare?.ended === false ? spare : undefined;
  }

  status(clients: number): BackboneStatus {
    return {
      ...this.identity(), clients, uptime: Date.now() - this.#started,
      runs: [...this.#runs.values()].map((run) => run.status()), policies: this.policies.labels(),
    };
  }

  /** `force`: running rollouts are cancelled; otherwise they are refused to be left. */
  async shutdown(force: boolean): Promise<void> {
    if (!force && this.busy) throw new TuningForkError('backbone', 'Rollouts are still running.', { next: 'Cancel them first, or end it all the same: tuning-fork stop --force.' });
    const tooLong = new Promise<void>((resolve) => void setTimeout(resolve, STOP_MS).unref());
    this.#stopped ??= Promise.race([this.#stop(), tooLong]).finally(() => setTimeout(this.#quit, 20));
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.cancel()));
    this.#spare?.kill();
    await this.scorer.close();
    await this.gateway.stop();
    await this.policies.close();
  }

  #forgetOldRuns(): void {
    const ended = [...this.#runs.values()].filter((run) => !run.running);
    for (const run of ended.slice(0, Math.max(0, ended.length - KEPT_RUNS))) this.#runs.delete(run.id);
  }
}
