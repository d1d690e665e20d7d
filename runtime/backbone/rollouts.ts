/** Runs rollouts: jobs, one after the other, to places in workers, as many at once as there are; lost ones again. */
import { errorInfo, TuningForkError } from '../protocol/errors.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { LoadedWorkflow } from '../protocol/worker.ts';
import type { Answering } from './attempt.ts';
import { Attempts, type AttemptsOptions, type Order } from './attempts.ts';
import { Crew } from './crew.ts';
import type { Holding } from './holding.ts';
import { keyOf, type Job } from './jobs.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface RolloutsOptions extends Omit<AttemptsOptions, 'again' | 'left' | 'fail'> {
  spare: WorkerProcess | undefined;
  changed(workers: ProcessStamp[]): void;
}

export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #crew: Crew;
  readonly #attempts: Attempts;
  readonly #requeued: Order[] = [];
  /** Orders that wait for a place in a worker, or for the trainer to be back. */
  #waiting = 0;
  /** Resolved when nothing new may begin. */
  readonly #stopped = Promise.withResolvers<undefined>();
  #workflow: LoadedWorkflow | undefined;
  #wake: () => void = () => {};
  #cancelled = false;
  /** The trainer is being brought back: what began now would only find it gone. */
  #recovering: Promise<void> | undefined;
  #failure: TuningForkError | undefined;

  constructor(options: RolloutsOptions) {
    const { load, workers, concurrency, workerMemory } = options.prepared;
    this.#options = options;
    this.#crew = new Crew({
      load, workers, concurrency, memory: workerMemory, spare: options.spare,
      message: (message) => this.#attempts.receive(message),
      lost: (key, loss) => this.#attempts.lost(key, loss),
      broken: (error) => this.#fail(error),
      changed: options.changed,
    });
    this.#attempts = new Attempts({ ...options, again: (order, ready) => this.#again(order, ready), left: () => this.#wake(), fail: (error) => this.#fail(error) });
  }

  get holding(): Pick<Holding, 'setStops' | 'stopped' | 'release'> {
    return this.#attempts.holding;
  }

  /** Loads the user's files, so that what is wrong with them is told before anything runs. */
  async start(): Promise<LoadedWorkflow> {
    const opening = performance.now();
    const loaded = await this.#crew.start();
    this.#workflow = loaded;
    const { events } = this.#options;
    events.emit({ type: 'workflow-ready', name: loaded.name, roles: loaded.trainableTargets, milliseconds: performance.now() - opening });
    if (loaded.loader === 'transform') {
      events.emit({ type: 'notice', level: 'info', notice: { code: 'workflow', message: 'The workflow needs more than type stripping (enums, decorators, JSX), so esbuild compiles it.' } });
    }
    return loaded;
  }

  /** Runs all jobs of the source to their end, once started. Throws what ends the run as a whole; returns early when cancelled. */
  async run(source: AsyncGenerator<Job>, how: Omit<Answering, 'workflow'>): Promise<void> {
    const answering: Answering = { ...how, workflow: this.#workflow! };
    while (!this.#cancelled) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#recovering !== undefined) await Promise.race([this.#recovering, this.#stopped.promise]);
      const next = this.#requeued.shift() ?? await following(source, answering);
      if (next !== undefined) {
        const placed = this.#place(next);
        // One under suspicion waits for a worker of its own; the others needn't wait for it.
        if (!next.job.alone) await placed;
      } else if (this.#requeued.length === 0) {
        if (this.#attempts.size === 0 && this.#waiting === 0) return;
        // Those still in flight may come back as new attempts.
        await new Promise<void>((resolve) => void (this.#wake = resolve));
      }
    }
  }

  /** Settles once nothing new begins any more, so that what else a run waits for need not be waited for. */
  async stopped(): Promise<undefined> {
    await this.#stopped.promise;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All rollouts, or one, begun or not. */
  async cancel(rollout?: string): Promise<void> {
    if (rollout !== undefined) return this.#attempts.cancel(rollout);
    this.#cancelled = true;
    this.#stop();
    await this.#attempts.cancelAll();
    this.#crew.kill();
  }

  /** Gives up what is under way without a trace of it, to be run anew another time; nothing more begins. */
  abandon(): void {
    this.#cancelled = true;
    this.#stop();
    this.#attempts.abandonAll();
  }

  /** Ends what is left, then the workers. */
  async close(): Promise<void> {
    await this.#attempts.cancelAll(this.#failure && errorInfo(this.#failure));
    this.#crew.stop();
    this.#options.progress.end();
  }

  hold(rollout: string): void {
    if (this.#options.prepared.writer.isSealed(rollout)) {
      throw new TuningForkError('usage', `Rollout ${rollout} has ended already.`, { next: 'Replay it to stop inside it: tuning-fork replay.' });
    }
    this.#attempts.holding.hold(rollout);
  }

  async #place(order: Order): Promise<void> {
    this.#waiting++;
    const seat = await Promise.race([this.#crew.seat(keyOf(order.job), order.job.alone), this.#stopped.promise]);
    this.#waiting--;
    if (seat !== undefined) this.#attempts.begin(order, seat).catch((error: unknown) => this.#fail(error));
  }

  #again(order: Order, ready: Promise<void> | undefined): void {
    if (ready === undefined) return void this.#requeued.push(order);
    this.#waiting++;
    this.#recovering ??= ready.catch(() => {}).finally(() => void (this.#recovering = undefined));
    ready.then(() => void this.#requeued.push(order), (cause: unknown) => this.#fail(cause)).finally(() => {
      this.#waiting--;
      this.#wake();
    });
  }

  #fail(error: unknown): void {
    // What breaks because the run was cancelled is no failure.
    if (!this.#cancelled) this.#failure ??= error instanceof TuningForkError ? error : new TuningForkError('internal', errorInfo(error).message, { cause: error });
    this.#stop();
  }

  #stop(): void {
    this.#stopped.resolve(undefined);
    this.#wake();
  }
}

async function following(source: AsyncGenerator<Job>, answering: Answering): Promise<Order | undefined> {
  const { done, value } = await source.next();
  return done ? undefined : { job: value, answering };
}
