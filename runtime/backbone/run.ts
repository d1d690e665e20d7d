/** One run: rollouts of many tasks through the crew, the gateway and the judge into the trace, told as events while it goes on. */
import { RolloutClock } from '../gateway/clock.ts';
import { HoldGate } from '../gateway/hooks.ts';
import { ReplaySource } from '../gateway/replay.ts';
import type { Route } from '../gateway/session.ts';
import type { CallDecision, PendingCall, RunEvent, RunProgress, RunStatus, StartRun } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { CallRecord, IndexEntry, RunInfo } from '../protocol/trace.ts';
import type { DefaultModel, FromWorker } from '../protocol/worker.ts';
import type { RunWriter } from '../trace/writer.ts';
import { Attempt } from './attempt.ts';
import type { Backbone } from './backbone.ts';
import { Crew, type Loss, type Seat } from './crew.ts';
import { EventLog } from './events.ts';
import type { Job } from './jobs.ts';
import { Judging } from './judging.ts';
import { prepareRun, type Prepared } from './prepare.ts';
import { emptyProgress, countEntry } from './progress.ts';
import { RoleRoutes } from './routes.ts';

/** A rollout whose worker dies again and again through no fault that can be pinned on it is given up. */
const MOST_ATTEMPTS = 4;
const PROGRESS_MS = 200;

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
  #info: RunInfo;
  readonly #events: EventLog;
  readonly #progress: RunProgress = emptyProgress();
  readonly #started = performance.now();
  readonly #backbone: Backbone;
  readonly #prepared: Prepared;
  readonly #writer: RunWriter;
  readonly #crew: Crew;
  readonly #judging: Judging;
  readonly #attempts = new Map<string, Attempt>();
  readonly #routes = new Map<string, RoleRoutes>();
  readonly #requeued: Job[] = [];
  readonly #heldBeforeStart = new Set<string>();
  /** Resolved when nothing new may begin. */
  readonly #stopped = Promise.withResolvers<undefined>();
  #wake: () => void = () => {};
  #failure: ErrorInfo | undefined;
  #progressTimer: NodeJS.Timeout | undefined;

  /** Everything that can be wrong before anything runs is told by this promise, as one error. */
  static async prepare(request: StartRun, backbone: Backbone): Promise<Run> {
    return new Run(await prepareRun(request, backbone.project), backbone);
  }

  private constructor(prepared: Prepared, backbone: Backbone) {
    this.#prepared = prepared;
    this.#backbone = backbone;
    this.#writer = prepared.writer;
    this.#info = prepared.writer.info;
    this.id = this.#info.run;
    this.dir = prepared.writer.dir;
    this.#events = new EventLog(this.id);
    const { workers, concurrency, workerMemory } = prepared;
    this.#crew = new Crew({
      load: prepared.load, workers, perWorker: Math.ceil(concurrency / workers), memory: workerMemory, spare: backbone.takeSpare(),
      message: (message) => this.#receive(message),
      lost: (key, loss) => this.#lost(key, loss),
      broken: (error) => this.#fail(errorInfo(error)),
      changed: (workers) => void this.#update({ workers }),
    });
    this.#judging = new Judging(prepared.judge);
    this.#progress.planned = this.#info.planned;
    this.#events.emit({ type: 'started', info: this.#info, dir: this.dir });
    for (const notice of prepared.config.warnings) this.#events.emit({ type: 'notice', level: 'warning', notice });
    this.done = this.#go().finally(() => void (this.#running = false));
  }

  get running(): boolean {
    return this.#running;
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.#info, progress: { ...this.#progress }, elapsed: performance.now() - this.#started, seq: this.#events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.#events.subscribe(listener, since);
  }

  /** The whole run, or one of its rollouts. Resolves once nothing of it runs any more. */
  async cancel(rollout?: string): Promise<void> {
    if (!this.#running) return;
    const error: ErrorInfo = { code: 'rollout-cancelled', message: 'Cancelled.' };
    if (rollout === undefined) {
      this.#cancelled = true;
      this.#stopped.resolve(undefined);
      this.#wake();
    }
    const wanted = [...this.#attempts.values()].filter((attempt) => rollout === undefined || attempt.job.place.rollout === rollout);
    await Promise.all(wanted.map((attempt) => this.#end(attempt, { error, cancelled: true, tainted: true })));
    if (rollout === undefined) {
      this.#crew.kill();
      await this.done;
    }
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
      this.#progress.held--;
      this.#events.emit({ type: 'released', rollout });
    }
    attempt.gate.release(decision);
  }

  async #go(): Promise<void> {
    try {
      const opening = performance.now();
      // The model loads while the worker does: both are slow, neither needs the other.
      const [model, workflow] = await Promise.all([
        this.#prepared.openModel(this.#backbone.policies).then((policy) => {
          this.#events.emit({ type: 'model-ready', label: policy.label, milliseconds: performance.now() - opening });
          return policy;
        }),
        this.#crew.start().then((loaded) => {
          this.#events.emit({ type: 'workflow-ready', name: loaded.name, roles: loaded.trainableTargets, milliseconds: performance.now() - opening });
          if (loaded.loader === 'transform') {
            this.#events.emit({ type: 'notice', level: 'info', notice: { code: 'workflow', message: 'The workflow needs more than type stripping (enums, decorators, JSX), so esbuild compiles it.' } });
          }
          return loaded;
        }),
      ]);
      await this.#update({ policy: model.label, workflow: workflow.name, ...(model.kind === 'tokens' && { tokenizer: { sha256: model.tokenizer.sha256, template: model.format.sha256 } }) });
      await this.#dispatch(() => new RoleRoutes({
        model, targets: workflow.trainableTargets,
        open: (name) => this.#prepared.openDefault(this.#backbone.policies, name),
      }), workflow.name);
    } catch (error) {
      this.#fail(errorInfo(error));
    }
    await this.#finish();
  }

  async #dispatch(routes: () => RoleRoutes, workflow: string): Promise<void> {
    const source = this.#prepared.jobs();
    let exhausted = false;
    while (!this.#cancelled && this.#failure === undefined) {
      let job = this.#requeued.shift();
      if (job === undefined && !exhausted) {
        const next = await source.next();
        if (next.done) exhausted = true;
        else job = next.value;
      }
      if (job !== undefined) {
        const seat = await Promise.race([this.#crew.seat(`${job.place.rollout}/${job.attempt}`, job.alone), this.#stopped.promise]);
        if (seat === undefined) return;
        await this.#begin(job, seat, routes(), workflow);
      } else if (this.#attempts.size === 0 && this.#requeued.length === 0) {
        return;
      } else {
        // Those still in flight may come back as new attempts.
        await new Promise<void>((resolve) => void (this.#wake = resolve));
      }
    }
  }

  async #begin(job: Job, seat: Seat, routes: RoleRoutes, workflow: string): Promise<void> {
    const { place } = job;
    const clock = new RolloutClock();
    const gate = new HoldGate((call) => {
      this.#progress.held++;
      this.#events.emit({ type: 'held', call });
    });
    if (this.#heldBeforeStart.delete(place.rollout)) gate.hold();
    const attempt = new Attempt(job, seat, clock, gate);
    this.#attempts.set(attempt.key, attempt);
    this.#routes.set(attempt.key, routes);
    this.#progress.running++;
    const timeout = this.#prepared.rolloutTimeout;
    if (timeout !== null) attempt.callOffTimeout = clock.after(timeout, () => void this.#end(attempt, { error: timeoutError(timeout, attempt), tainted: true }));

    await this.#writer.journal.begin(place, job.attempt);
    const replay = job.record === undefined ? undefined : new ReplaySource(job.record.rollout, { untilCall: job.record.calls, fork: job.record.fork });
    const door = this.#backbone.gateway.open({
      ...this.#prepared.door, place, attempt: job.attempt, clock, hooks: gate, replay,
      route: (role): Promise<Route> => routes.find(role),
      onCall: (call) => this.#called(attempt, call),
      // Whatever the agent makes of such an error, a replay that went another way is none.
      onFailure: (_role, error) => { if (error.code === 'diverged') void this.#end(attempt, { error, tainted: false }); },
    });
    this.#events.emit({ type: 'rollout-started', rollout: place.rollout, attempt: job.attempt, task: place.taskId, sample: place.sample });
    this.#workflowName = workflow;
    seat.worker.send({ type: 'run', start: { place, attempt: job.attempt, task: { ...job.task, label: undefined }, gateway: door.url, apiKey: door.apiKey, replay: replay !== undefined } });
  }

  #workflowName = '';

  async #called(attempt: Attempt, call: CallRecord): Promise<void> {
    attempt.calls++;
    this.#progress.calls++;
    this.#progress.prompt += call.usage.prompt;
    this.#progress.sampled += call.usage.completion;
    const { rollout } = attempt.job.place;
    this.#events.emit({ type: 'call', rollout, index: call.index, role: call.role, prompt: call.usage.prompt, sampled: call.usage.completion, duration: call.duration, site: call.site });
    this.#tellProgress();
    await this.#writer.journal.call(rollout, attempt.job.attempt, call);
  }

  #receive(message: FromWorker): void {
    if (message.type === 'inspector') return this.#events.emit({ type: 'inspector', url: message.url, pid: 0 });
    if (message.type === 'late-error') return this.#events.emit({ type: 'notice', level: 'warning', notice: message.error });
    if (message.type === 'log') {
      this.#events.emit({ type: 'log', rollout: message.rollout, stream: message.stream, text: message.text });
      if (message.rollout !== undefined) this.#attempts.get(`${message.rollout}/${message.attempt}`)?.addLog(message.text);
      return;
    }
    if (!('rollout' in message) || !('attempt' in message)) return;
    const attempt = this.#attempts.get(`${message.rollout}/${message.attempt}`);
    if (attempt === undefined || attempt.over) return;
    switch (message.type) {
      case 'register': return this.#register(attempt, message.role, message.defaultModel);
      case 'tool': return void this.#writer.journal.tool(message.rollout, message.attempt, attempt.addTool(message.tool));
      case 'ask-tool': return this.#answerTool(attempt, message);
      case 'finished': attempt.output = message.output; return void this.#judge(attempt);
      case 'failed': return void this.#end(attempt, { error: message.error, tainted: message.tainted });
      case 'judged': return this.#judging.receive(attempt.key, message);
    }
  }

  #register(attempt: Attempt, role: string, model: DefaultModel | undefined): void {
    this.#routes.get(attempt.key)?.register(role, model);
  }

  #answerTool(attempt: Attempt, { ask, name, arguments: args }: Extract<FromWorker, { type: 'ask-tool' }>): void {
    const recorded = this.#backbone.gateway.session(attempt.job.place, attempt.job.attempt)?.replay?.tool(name, args);
    attempt.seat.worker.send({ type: 'recorded-tool', ask, result: recorded });
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
  async #end(attempt: Attempt, how: { verdict?: Parameters<Attempt['record']>[2]['verdict']; judge?: string; error?: ErrorInfo; cancelled?: boolean; tainted: boolean }): Promise<void> {
    if (attempt.over) return;
    attempt.over = true;
    attempt.callOffTimeout();
    if (attempt.gate.waiting.length > 0) this.release(attempt.job.place.rollout);
    const { place, attempt: number } = { ...attempt.job, place: attempt.job.place };
    const calls = this.#backbone.gateway.close(place, number);
    if (how.error !== undefined) attempt.seat.worker.send({ type: 'cancel', rollout: place.rollout, attempt: number, error: how.error });
    try {
      const entry = await this.#writer.seal(attempt.record(this.#workflowName, calls, how));
      this.#ended(entry, how.error);
    } catch (error) {
      this.#fail(errorInfo(error, 'trace'));
    }
    this.#forget(attempt, how.tainted);
  }

  #ended(entry: IndexEntry, error: ErrorInfo | undefined): void {
    countEntry(this.#progress, entry);
    this.#events.emit({ type: 'rollout-finished', entry, error });
    this.#tellProgress();
  }

  #lost(key: string, loss: Loss): void {
    const attempt = this.#attempts.get(key);
    if (attempt === undefined || attempt.over) return;
    if (loss.guilt === 'guilty') return void this.#end(attempt, { error: loss.error, tainted: true });
    const { job } = attempt;
    if (job.attempt >= MOST_ATTEMPTS) return void this.#end(attempt, { error: loss.error, tainted: true });
    attempt.over = true;
    attempt.callOffTimeout();
    this.#backbone.gateway.close(job.place, job.attempt);
    this.#writer.discardAttempt(job.place.rollout, job.attempt).catch((error: unknown) => this.#fail(errorInfo(error, 'trace')));
    this.#events.emit({ type: 'requeued', rollout: job.place.rollout, attempt: job.attempt + 1, cause: loss.error });
    this.#requeued.push({ ...job, attempt: job.attempt + 1, alone: job.alone || loss.guilt === 'suspect' });
    this.#forget(attempt, true);
  }

  #forget(attempt: Attempt, tainted: boolean): void {
    this.#attempts.delete(attempt.key);
    this.#routes.delete(attempt.key);
    this.#progress.running--;
    attempt.seat.leave(tainted);
    this.#wake();
  }

  #fail(error: ErrorInfo): void {
    this.#failure ??= error;
    this.#stopped.resolve(undefined);
    this.#wake();
  }

  async #finish(): Promise<void> {
    const leftover: ErrorInfo = this.#failure ?? { code: 'rollout-cancelled', message: 'Cancelled.' };
    await Promise.all([...this.#attempts.values()].map((attempt) => this.#end(attempt, { error: leftover, cancelled: true, tainted: true })));
    this.#crew.stop();
    clearTimeout(this.#progressTimer);
    const state = this.#cancelled ? 'cancelled' : this.#failure === undefined ? 'finished' : 'failed';
    await this.#update({ state, finished: new Date().toISOString(), workers: [], ...(this.#failure && { error: this.#failure }) });
    await this.#writer.close().catch((error: unknown) => void (this.#failure ??= errorInfo(error, 'trace')));
    this.#events.emit({ type: 'progress', progress: { ...this.#progress }, elapsed: performance.now() - this.#started });
    this.#events.emit({ type: 'finished', state, error: this.#failure });
  }

  #tellProgress(): void {
    this.#progressTimer ??= setTimeout(() => {
      this.#progressTimer = undefined;
      this.#events.emit({ type: 'progress', progress: { ...this.#progress }, elapsed: performance.now() - this.#started });
    }, PROGRESS_MS);
  }

  #attemptOf(rollout: string): Attempt | undefined {
    return [...this.#attempts.values()].find((attempt) => attempt.job.place.rollout === rollout && !attempt.over);
  }

  async #update(patch: Partial<RunInfo>): Promise<void> {
    this.#info = { ...this.#info, ...patch };
    await this.#writer.updateRun(patch).catch((error: unknown) => this.#fail(errorInfo(error, 'trace')));
  }
}

function timeoutError(milliseconds: number, attempt: Attempt): ErrorInfo {
  const place = attempt.tools.at(-1)?.site;
  return {
    code: 'rollout-timeout', where: place,
    message: `The rollout took longer than ${milliseconds / 1000} s.`,
    next: 'Look at its last call in the trace, or raise rollout.timeout.',
  };
}

