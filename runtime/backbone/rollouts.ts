/** Runs rollouts: jobs through the crew, the gateway and the judge into the trace, told as events while they go on. */
import { RolloutClock } from '../gateway/clock.ts';
import { HoldGate } from '../gateway/hooks.ts';
import { ReplaySource } from '../gateway/replay.ts';
import type { Gateway } from '../gateway/server.ts';
import type { SessionOptions } from '../gateway/session.ts';
import type { Policy } from '../policy/policy.ts';
import type { CallDecision, PendingCall, RunProgress } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { ProcessStamp, RolloutRecord } from '../protocol/trace.ts';
import type { FromWorker, LoadedWorkflow } from '../protocol/worker.ts';
import type { RunWriter } from '../trace/writer.ts';
import { Attempt } from './attempt.ts';
import { Crew, type Loss, type Seat } from './crew.ts';
import type { EventLog } from './events.ts';
import type { Job } from './jobs.ts';
import { Judging } from './judging.ts';
import type { Prepared } from './prepare.ts';
import { countEntry } from './progress.ts';
import { RoleRoutes, type RoutesOptions } from './routes.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A rollout whose worker dies again and again through no fault that can be pinned on it is given up. */
const MOST_ATTEMPTS = 4;
const PROGRESS_MS = 200;

/** How the calls of some jobs are answered. */
export interface Answering {
  model: Policy;
  openDefault: RoutesOptions['open'];
  door: Pick<SessionOptions, 'seed' | 'mode' | 'sampling' | 'top' | 'maxModelLength' | 'withoutTools'>;
  /** Each rollout as it was sealed. */
  onRecord?(record: RolloutRecord): void;
}

export interface RolloutsOptions {
  prepared: Prepared;
  writer: RunWriter;
  gateway: Gateway;
  events: EventLog;
  progress: RunProgress;
  spare: WorkerProcess | undefined;
  changed(workers: ProcessStamp[]): void;
}

export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #crew: Crew;
  readonly #judging: Judging;
  readonly #attempts = new Map<string, { attempt: Attempt; routes: RoleRoutes; answering: Answering }>();
  readonly #requeued: { job: Job; answering: Answering }[] = [];
  readonly #heldBeforeStart = new Set<string>();
  readonly #started = performance.now();
  /** Resolved when nothing new may begin. */
  readonly #stopped = Promise.withResolvers<undefined>();
  #workflow: LoadedWorkflow | undefined;
  #wake: () => void = () => {};
  #cancelled = false;
  #failure: TuningForkError | undefined;
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(options: RolloutsOptions) {
    this.#options = options;
    const { prepared } = options;
    const { workers, concurrency, workerMemory } = prepared;
    this.#crew = new Crew({
      load: prepared.load, loadTimeout: prepared.rolloutTimeout, workers, concurrency, memory: workerMemory, spare: options.spare,
      message: (message) => this.#receive(message),
      lost: (key, loss) => this.#lost(key, loss),
      broken: (error) => this.#fail(error),
      changed: options.changed,
    });
    this.#judging = new Judging(prepared.judge);
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

  /** Runs all jobs of the source to their end. Throws what ends the run as a whole; returns early when cancelled. */
  async run(source: AsyncGenerator<Job>, answering: Answering): Promise<void> {
    let exhausted = false;
    while (!this.#cancelled) {
      if (this.#failure !== undefined) throw this.#failure;
      let next = this.#requeued.shift();
      if (next === undefined && !exhausted) {
        const { done, value } = await source.next();
        if (done) exhausted = true;
        else next = { job: value, answering };
      }
      if (next !== undefined) {
        const { job } = next;
        const seat = await Promise.race([this.#crew.seat(`${job.place.rollout}/${job.attempt}`, job.alone), this.#stopped.promise]);
        if (seat !== undefined) await this.#begin(job, seat, next.answering);
      } else if (this.#attempts.size === 0 && this.#requeued.length === 0) {
        return;
      } else if (!exhausted || this.#requeued.length === 0) {
        // Those still in flight may come back as new attempts.
        await new Promise<void>((resolve) => void (this.#wake = resolve));
      }
    }
  }

  /** All rollouts, or one. */
  async cancel(rollout?: string): Promise<void> {
    if (rollout === undefined) {
      this.#cancelled = true;
      this.#stopped.resolve(undefined);
      this.#wake();
    }
    const error: ErrorInfo = { code: 'rollout-cancelled', message: 'Cancelled.' };
    const wanted = [...this.#attempts.values()].filter(({ attempt }) => rollout === undefined || attempt.job.place.rollout === rollout);
    await Promise.all(wanted.map(({ attempt }) => this.#end(attempt, { error, cancelled: true, tainted: true })));
    if (rollout === undefined) this.#crew.kill();
  }

  /** Ends what is left, then the workers. */
  async close(): Promise<void> {
    const error: ErrorInfo = this.#failure === undefined ? { code: 'rollout-cancelled', message: 'Cancelled.' } : errorInfo(this.#failure);
    await Promise.all([...this.#attempts.values()].map(({ attempt }) => this.#end(attempt, { error, cancelled: true, tainted: true })));
    this.#crew.stop();
    clearTimeout(this.#progressTimer);
    this.#emitProgress();
  }

  hold(rollout: string): void {
    const attempt = this.#attemptOf(rollout);
    if (attempt === undefined) this.#heldBeforeStart.add(rollout);
    else attempt.gate.hold();
  }

  pending(rollout: string): PendingCall | null {
    return this.#attemptOf(rollout)?.gate.waiting[0] ?? null;
  }

  release(rollout: string, decision?: CallDecision): void {
    this.#heldBeforeStart.delete(rollout);
    const attempt = this.#attemptOf(rollout);
    if (attempt === undefined) return;
    if (attempt.gate.waiting.length > 0) {
      this.#options.progress.held--;
      this.#options.events.emit({ type: 'released', rollout });
    }
    attempt.gate.release(decision);
  }

  async #begin(job: Job, seat: Seat, answering: Answering): Promise<void> {
    const { prepared, writer, gateway, events, progress } = this.#options;
    const { place } = job;
    const clock = new RolloutClock();
    const gate = new HoldGate((call) => {
      progress.held++;
      events.emit({ type: 'held', call });
    });
    if (this.#heldBeforeStart.delete(place.rollout)) gate.hold();
    const attempt = new Attempt(job, seat, clock, gate);
    const routes = new RoleRoutes({ model: answering.model, targets: this.#workflow!.trainableTargets, open: answering.openDefault });
    this.#attempts.set(attempt.key, { attempt, routes, answering });
    progress.running++;
    const timeout = prepared.rolloutTimeout;
    if (timeout !== null) attempt.callOffTimeout = clock.after(timeout, () => void this.#end(attempt, { error: timeoutError(timeout, attempt), tainted: true }));

    await writer.journal.begin(place, job.attempt);
    const replay = job.record === undefined ? undefined : new ReplaySource(job.record.rollout, { untilCall: job.record.calls, fork: job.record.fork });
    const door = gateway.open({
      ...answering.door, place, attempt: job.attempt, clock, hooks: gate, replay,
      route: (role) => routes.find(role),
      onCall: async (call) => {
        attempt.called(call);
        progress.calls++;
        progress.prompt += call.usage.prompt;
        progress.sampled += call.usage.completion;
        events.emit({ type: 'call', rollout: place.rollout, index: call.index, role: call.role, prompt: call.usage.prompt, sampled: call.usage.completion, duration: call.duration, site: call.site });
        this.#tellProgress();
        await writer.journal.call(place.rollout, job.attempt, call);
      },
      // Whatever the agent makes of such an error, a replay that went another way is none.
      onFailure: (_role, error) => { if (error.code === 'diverged') void this.#end(attempt, { error, tainted: false }); },
    });
    events.emit({ type: 'rollout-started', rollout: place.rollout, attempt: job.attempt, task: place.taskId, sample: place.sample });
    seat.worker.send({ type: 'run', start: { place, attempt: job.attempt, task: { ...job.task, label: undefined }, gateway: door.url, apiKey: door.apiKey, replay: replay !== undefined } });
  }

  #receive(message: FromWorker): void {
    const { events, writer, gateway } = this.#options;
    if (message.type === 'inspector') return events.emit({ type: 'inspector', url: message.url, pid: 0 });
    if (message.type === 'late-error') return events.emit({ type: 'notice', level: 'warning', notice: message.error });
    if (message.type === 'log') {
      events.emit({ type: 'log', rollout: message.rollout, stream: message.stream, text: message.text });
      if (message.rollout !== undefined) this.#attempts.get(`${message.rollout}/${message.attempt}`)?.attempt.addLog(message.text);
      return;
    }
    if (!('rollout' in message) || !('attempt' in message)) return;
    const found = this.#attempts.get(`${message.rollout}/${message.attempt}`);
    if (found === undefined || found.attempt.over) return;
    const { attempt, routes } = found;
    switch (message.type) {
      case 'register': return routes.register(message.role, message.defaultModel);
      case 'tool': return void writer.journal.tool(message.rollout, message.attempt, attempt.addTool(message.tool)).catch((error: unknown) => this.#fail(error));
      case 'ask-tool': {
        const result = gateway.session(attempt.job.place, attempt.job.attempt)?.replay?.tool(message.name, message.arguments);
        return attempt.seat.worker.send({ type: 'recorded-tool', ask: message.ask, result });
      }
      case 'finished': attempt.output = message.output; return void this.#judge(attempt);
      case 'failed': return void this.#end(attempt, { error: message.error, tainted: message.tainted });
      case 'judged': return this.#judging.receive(attempt.key, message);
    }
  }

  async #judge(attempt: Attempt): Promise<void> {
    try {
      if (attempt.calls === 0) {
        throw new TuningForkError('no-model-call', 'The workflow gave an answer without calling a model, so there is nothing to train.', {
          next: 'Use the tuner (or tuner.getModel(role)) as the model of your agent.',
        });
      }
      const graded = await this.#judging.grade({ key: attempt.key, task: attempt.job.task, output: attempt.output!, worker: attempt.seat.worker });
      await this.#end(attempt, { ...graded, tainted: false });
    } catch (error) {
      await this.#end(attempt, { error: errorInfo(error, 'judge'), tainted: false });
    }
  }

  /** The one place where a rollout ends, whatever the cause. */
  async #end(attempt: Attempt, how: Parameters<Attempt['record']>[2] & { tainted: boolean }): Promise<void> {
    if (attempt.over) return;
    // While it waits at the gate: a held call must be let go before its rollout is closed.
    if (attempt.gate.waiting.length > 0) this.release(attempt.job.place.rollout);
    attempt.over = true;
    attempt.callOffTimeout();
    const { gateway, writer } = this.#options;
    const { place, rollout } = { place: attempt.job.place, rollout: attempt.job.place.rollout };
    const calls = gateway.close(place, attempt.job.attempt);
    if (how.error !== undefined) attempt.seat.worker.send({ type: 'cancel', rollout, attempt: attempt.job.attempt, error: how.error });
    const record = attempt.record(this.#workflow?.name ?? '', calls, how);
    try {
      const entry = await writer.seal(record);
      countEntry(this.#options.progress, entry);
      this.#options.events.emit({ type: 'rollout-finished', entry, error: how.error });
      this.#attempts.get(attempt.key)?.answering.onRecord?.(record);
      this.#tellProgress();
    } catch (error) {
      this.#fail(error);
    }
    this.#forget(attempt, how.tainted);
  }

  #lost(key: string, loss: Loss): void {
    const found = this.#attempts.get(key);
    if (found === undefined || found.attempt.over) return;
    const { attempt, answering } = found;
    const { job } = attempt;
    if (loss.guilt === 'guilty' || job.attempt >= MOST_ATTEMPTS) return void this.#end(attempt, { error: loss.error, tainted: true });
    attempt.over = true;
    attempt.callOffTimeout();
    this.#options.gateway.close(job.place, job.attempt);
    this.#options.writer.discardAttempt(job.place.rollout, job.attempt).catch((error: unknown) => this.#fail(error));
    this.#options.events.emit({ type: 'requeued', rollout: job.place.rollout, attempt: job.attempt + 1, cause: loss.error });
    this.#requeued.push({ answering, job: { ...job, attempt: job.attempt + 1, alone: job.alone || loss.guilt === 'suspect' } });
    this.#forget(attempt, true);
  }

  #forget(attempt: Attempt, tainted: boolean): void {
    this.#attempts.delete(attempt.key);
    this.#options.progress.running--;
    attempt.seat.leave(tainted);
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof TuningForkError ? error : new TuningForkError('internal', errorInfo(error).message, { cause: error });
    this.#stopped.resolve(undefined);
    this.#wake();
  }

  #tellProgress(): void {
    this.#progressTimer ??= setTimeout(() => {
      this.#progressTimer = undefined;
      this.#emitProgress();
    }, PROGRESS_MS);
  }

  #emitProgress(): void {
    this.#options.events.emit({ type: 'progress', progress: { ...this.#options.progress }, elapsed: performance.now() - this.#started });
  }

  #attemptOf(rollout: string): Attempt | undefined {
    return [...this.#attempts.values()].find(({ attempt }) => attempt.job.place.rollout === rollout && !attempt.over)?.attempt;
  }
}

function timeoutError(milliseconds: number, attempt: Attempt): ErrorInfo {
  return {
    code: 'rollout-timeout', where: attempt.lastSite,
    message: `The rollout took longer than ${milliseconds / 1000} s.`,
    next: 'Look at its last call in the trace, or raise rollout.timeout.',
  };
}
