/** Runs rollouts: jobs through the crew, the gateway and the judge into the trace, told as events while they go on. */
import { RolloutClock } from '../gateway/clock.ts';
import { ReplaySource } from '../gateway/replay.ts';
import type { Gateway } from '../gateway/server.ts';
import type { SessionOptions } from '../gateway/session.ts';
import type { Policy } from '../policy/policy.ts';
import type { RunProgress } from '../protocol/backbone.ts';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { CallRecord, ProcessStamp, RolloutRecord } from '../protocol/trace.ts';
import type { FromWorker, LoadedWorkflow } from '../protocol/worker.ts';
import { readStack } from '../sdk/call-site.ts';
import type { RunWriter } from '../trace/writer.ts';
import { Attempt } from './attempt.ts';
import { Crew, type Loss, type Seat } from './crew.ts';
import type { EventLog } from './events.ts';
import { Holding } from './holding.ts';
import { Groups, keyOf, type Job } from './jobs.ts';
import { Judging, type Graded } from './judging.ts';
import type { Prepared } from './prepare.ts';
import { countEntry } from './progress.ts';
import { RoleRoutes, type RoutesOptions } from './routes.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A process that is killed whenever this rollout is alone in it is killed by the rollout. */
const KILLED_THAT_OFTEN = 4;
const PROGRESS_MS = 200;
const CANCELLED: ErrorInfo = { code: 'rollout-cancelled', message: 'Cancelled.' };

/** How the calls of some jobs are answered. */
export interface Answering {
  model: Policy;
  openDefault: RoutesOptions['open'];
  door: Pick<SessionOptions, 'seed' | 'mode' | 'sampling' | 'top' | 'maxModelLength' | 'withoutTools'>;
  /** Each rollout as it was sealed. */
  onRecord?(record: RolloutRecord): void;
  /** Brings a trainer back that is gone. Rollouts it took down are begun again after that. */
  recover?(cause: ErrorInfo): Promise<void>;
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
  /** Jobs that wait for a place in a worker, or for the trainer to be back. */
  #waiting = 0;
  readonly #holding: Holding;
  readonly #groups = new Groups();
  readonly #cancelledBeforeStart = new Set<string>();
  readonly #started = performance.now();
  /** Resolved when nothing new may begin. */
  readonly #stopped = Promise.withResolvers<undefined>();
  #workflow: LoadedWorkflow | undefined;
  #wake: () => void = () => {};
  #cancelled = false;
  /** The trainer is being brought back: what began now would only find it gone. */
  #recovering: Promise<void> | undefined;
  #failure: TuningForkError | undefined;
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(options: RolloutsOptions) {
    this.#options = options;
    const { prepared } = options;
    const { workers, concurrency, workerMemory } = prepared;
    this.#crew = new Crew({
      load: prepared.load, workers, concurrency, memory: workerMemory, spare: options.spare,
      message: (message) => this.#receive(message),
      lost: (key, loss) => this.#lost(key, loss),
      broken: (error) => this.#fail(error),
      changed: options.changed,
    });
    this.#judging = new Judging(prepared.judge);
    this.#holding = new Holding({ request: prepared.debugging, events: options.events, progress: options.progress, tellProgress: () => this.#tellProgress() });
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
    while (!this.#cancelled) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#recovering !== undefined) await Promise.race([this.#recovering, this.#stopped.promise]);
      const next = this.#requeued.shift() ?? await following(source, answering);
      if (next !== undefined) {
        const placed = this.#place(next.job, next.answering);
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
    if (rollout !== undefined) {
      const attempt = this.#attemptOf(rollout);
      if (attempt === undefined) this.#cancelledBeforeStart.add(rollout);
      else await this.#end(attempt, { error: CANCELLED, cancelled: true, tainted: true });
      return;
    }
    this.#cancelled = true;
    this.#stop();
    await this.#endAll(CANCELLED);
    this.#crew.kill();
  }

  /** Gives up what is under way without a trace of it, to be run anew another time; nothing more begins. */
  abandon(): void {
    this.#cancelled = true;
    this.#stop();
    for (const { attempt } of this.#attempts.values()) {
      if (attempt.over) continue;
      const { rollout } = attempt.job.place;
      attempt.seat.worker.send({ type: 'cancel', rollout, attempt: attempt.job.attempt, error: CANCELLED });
      this.#retire(attempt);
      this.#options.writer.discardAttempt(rollout, attempt.job.attempt).catch((error: unknown) => this.#fail(error));
      this.#forget(attempt, true);
    }
  }

  /** Ends what is left, then the workers. */
  async close(): Promise<void> {
    await this.#endAll(this.#failure === undefined ? CANCELLED : errorInfo(this.#failure));
    this.#crew.stop();
    clearTimeout(this.#progressTimer);
    this.#emitProgress();
  }

  hold(rollout: string): void {
    if (this.#options.writer.isSealed(rollout)) {
      throw new TuningForkError('usage', `Rollout ${rollout} has ended already.`, { next: 'Replay it to stop inside it: tuning-fork replay.' });
    }
    this.#holding.hold(rollout);
  }

  get holding(): Pick<Holding, 'setStops' | 'stopped' | 'release'> {
    return this.#holding;
  }

  async #place(job: Job, answering: Answering): Promise<void> {
    this.#waiting++;
    const seat = await Promise.race([this.#crew.seat(keyOf(job), job.alone), this.#stopped.promise]);
    this.#waiting--;
    if (seat !== undefined) this.#begin(job, seat, answering).catch((error: unknown) => this.#fail(error));
  }

  async #begin(job: Job, seat: Seat, answering: Answering): Promise<void> {
    const { prepared, writer, gateway, events, progress } = this.#options;
    const { place } = job;
    const clock = new RolloutClock();
    const hold = this.#holding.begin(job, seat.worker, clock);
    const attempt = new Attempt(job, seat, clock, hold);
    const routes = new RoleRoutes({ model: answering.model, targets: this.#workflow!.trainableTargets, open: answering.openDefault });
    this.#attempts.set(attempt.key, { attempt, routes, answering });
    progress.running++;
    if (this.#cancelledBeforeStart.delete(place.rollout)) return this.#end(attempt, { error: CANCELLED, cancelled: true, tainted: false });
    const timeout = prepared.rolloutTimeout;
    if (timeout !== null) attempt.callOffTimeout = clock.after(timeout, () => void this.#end(attempt, { error: this.#timeoutError(timeout, attempt), tainted: true }));

    await writer.journal.begin(place, job.attempt);
    if (attempt.over) return;
    const replay = job.record === undefined ? undefined : new ReplaySource(job.record.rollout, { untilCall: job.record.calls, untilToken: job.record.tokens, fork: job.record.fork });
    const door = gateway.open({
      ...answering.door, sampling: { ...answering.door.sampling, ...job.sampling }, place, attempt: job.attempt, clock, hooks: hold, replay,
      route: (role) => routes.find(role),
      onCall: async (call) => {
        attempt.calls++;
        progress.calls++;
        progress.prompt += call.usage.prompt;
        progress.sampled += call.usage.completion;
        // What a client has seen is not lost in a crash.
        await writer.journal.call(place.rollout, job.attempt, call);
        if (attempt.over) return;
        events.emit({ type: 'call', rollout: place.rollout, index: call.index, role: call.role, prompt: call.usage.prompt, sampled: call.usage.completion, duration: call.duration, site: call.site });
        this.#tellProgress();
      },
      // Whatever the agent makes of such an error, a replay that went another way is none.
      onFailure: (_role, error) => {
        if (error.code === 'diverged') return void this.#end(attempt, { error, tainted: false });
        attempt.modelFailure = error;
        if (error.code === 'trainer-gone' && answering.recover !== undefined) this.#beginAgain(attempt, error, answering.recover(error));
      },
    });
    events.emit({ type: 'rollout-started', rollout: place.rollout, attempt: job.attempt, task: place.taskId, sample: place.sample });
    seat.worker.send({ type: 'run', start: { place, attempt: job.attempt, task: { ...job.task, label: undefined }, gateway: door.url, apiKey: door.apiKey, replay: replay !== undefined, asks: this.#holding.watched } });
  }

  #receive(message: FromWorker): void {
    const { events, writer, gateway } = this.#options;
    if (message.type === 'inspector') return events.emit({ type: 'inspector', url: message.url, pid: message.pid });
    if (message.type === 'late-error') return events.emit({ type: 'notice', level: 'warning', notice: message.error });
    if (message.type === 'log') {
      const { rollout, stream, text, site, console } = message;
      events.emit({ type: 'log', rollout, stream, text, site, console });
      if (message.rollout !== undefined) this.#attempts.get(`${message.rollout}/${message.attempt}`)?.attempt.addLog(message.text);
      return;
    }
    if (!('rollout' in message) || !('attempt' in message)) return;
    const found = this.#attempts.get(`${message.rollout}/${message.attempt}`);
    if (found === undefined || found.attempt.over) return;
    const { attempt, routes } = found;
    switch (message.type) {
      case 'register': return routes.register(message.role, message.defaultModel);
      case 'tool-started':
        attempt.beginTool(message);
        return this.#holding.tool(attempt.hold, attempt.seat.worker, message);
      case 'tool':
        void writer.journal.tool(message.rollout, message.attempt, attempt.addTool(message.tool)).catch((error: unknown) => this.#fail(error));
        return this.#holding.tool(attempt.hold, attempt.seat.worker, message);
      case 'aimed': return this.#holding.aimed(message.ask);
      case 'ask-tool': {
        const result = gateway.session(attempt.job.place, attempt.job.attempt)?.replay?.tool(message.name, message.arguments);
        return attempt.seat.worker.send({ type: 'recorded-tool', ask: message.ask, result });
      }
      case 'finished': attempt.output = message.output; return void this.#judge(attempt);
      case 'failed': return void this.#failed(attempt, 'workflow', attempt.blamed(message.error), message.tainted);
      case 'judged': return this.#judging.receive(attempt.key, message);
    }
  }

  async #judge(attempt: Attempt): Promise<void> {
    const { hold, job, seat, key } = attempt;
    const output = attempt.output!;
    if (attempt.calls === 0) {
      return this.#failed(attempt, 'workflow', {
        code: 'no-model-call', message: 'The workflow gave an answer without calling a model, so there is nothing to train.', next: 'Use the tuner (or tuner.getModel(role)) as the model of your agent.',
      }, false);
    }
    let graded: Graded;
    try {
      if (output.reward === null) await hold.judge(this.#options.prepared.load.judge?.file);
      if (attempt.over) return;
      graded = await this.#judging.grade({ key, task: job.task, output, worker: seat.worker });
      if (attempt.over) return;
    } catch (error) {
      return this.#failed(attempt, 'judge', errorInfo(error, 'judge'), false);
    }
    attempt.settled = true;
    const { verdict, judge } = graded;
    const reward = verdict?.reward ?? output.reward!;
    const shown = { reward, ...(verdict !== undefined && judge !== undefined && { judge: { name: judge, ...verdict } }) };
    const rewards = this.#groups.settle(job, reward);
    await hold.at({ at: 'graded', reward }, shown);
    if (rewards !== undefined) await hold.at({ at: 'group-end', rewards }, shown);
    await this.#end(attempt, { ...graded, tainted: false });
  }

  async #failed(attempt: Attempt, of: 'workflow' | 'judge', error: ErrorInfo, tainted: boolean): Promise<void> {
    if (attempt.over) return;
    attempt.settled = true;
    this.#groups.settle(attempt.job, undefined);
    await attempt.hold.at({ at: 'error', of, error }, { error, stack: readStack(error.stack ?? '').stack });
    await this.#end(attempt, { error, tainted });
  }

  /** The one place where a rollout ends, whatever the cause. */
  async #end(attempt: Attempt, how: Parameters<Attempt['record']>[2] & { tainted: boolean }): Promise<void> {
    if (attempt.over) return;
    const { rollout } = attempt.job.place;
    if (!attempt.settled) this.#groups.settle(attempt.job, undefined);
    const calls = this.#retire(attempt);
    const error = how.error && attempt.located(how.error, calls);
    if (error !== undefined) attempt.seat.worker.send({ type: 'cancel', rollout, attempt: attempt.job.attempt, error });
    const record = attempt.record(this.#workflow?.name ?? '', calls, { ...how, error });
    try {
      const entry = await this.#options.writer.seal(record);
      countEntry(this.#options.progress, entry);
      this.#options.events.emit({ type: 'rollout-finished', entry, error });
      this.#attempts.get(attempt.key)?.answering.onRecord?.(record);
      this.#tellProgress();
    } catch (problem) {
      this.#fail(problem);
    }
    this.#forget(attempt, how.tainted);
  }

  async #endAll(error: ErrorInfo): Promise<void> {
    await Promise.all([...this.#attempts.values()].map(({ attempt }) => this.#end(attempt, { error, cancelled: true, tainted: true })));
  }

  #lost(key: string, { guilt, error, fromOutside = false }: Loss): void {
    const found = this.#attempts.get(key);
    if (found === undefined || found.attempt.over) return;
    const { attempt, answering } = found;
    if (attempt.settled) return attempt.hold.drop();
    const doubtful = fromOutside && attempt.job.attempt < KILLED_THAT_OFTEN;
    if (guilt === 'guilty' && !doubtful) {
      return void (attempt.output === undefined ? this.#failed(attempt, 'workflow', error, true) : this.#failed(attempt, 'judge', this.#ofJudge(error), true));
    }
    const { job } = attempt;
    const { rollout } = job.place;
    this.#retire(attempt, true);
    this.#options.writer.discardAttempt(rollout, job.attempt).catch((problem: unknown) => this.#fail(problem));
    this.#options.events.emit({ type: 'requeued', rollout, attempt: job.attempt + 1, cause: error });
    // Twice the victim of others it gets a worker for itself too: so each rollout comes to an end.
    this.#requeued.push({ answering, job: { ...job, attempt: job.attempt + 1, alone: job.alone || guilt !== 'innocent' || job.attempt > 1 } });
    this.#forget(attempt, true);
  }

  /** The model went away under it: no fault of the rollout's, and its worker is as good as before. */
  #beginAgain(attempt: Attempt, error: ErrorInfo, ready: Promise<void>): void {
    const found = this.#attempts.get(attempt.key);
    if (found === undefined || attempt.over) return;
    const { job } = attempt;
    const { rollout } = job.place;
    attempt.seat.worker.send({ type: 'cancel', rollout, attempt: job.attempt, error });
    this.#retire(attempt);
    this.#options.writer.discardAttempt(rollout, job.attempt).catch((problem: unknown) => this.#fail(problem));
    this.#options.events.emit({ type: 'requeued', rollout, attempt: job.attempt + 1, cause: error });
    this.#waiting++;
    this.#forget(attempt, false);
    const { answering } = found;
    this.#recovering ??= ready.catch(() => {}).finally(() => void (this.#recovering = undefined));
    ready.then(() => void this.#requeued.push({ answering, job: { ...job, attempt: job.attempt + 1 } }), (cause: unknown) => this.#fail(cause)).finally(() => {
      this.#waiting--;
      this.#wake();
    });
  }

  /** From here on nothing of this attempt counts. Gives its calls. */
  #retire(attempt: Attempt, again = false): CallRecord[] {
    attempt.over = true;
    attempt.callOffTimeout();
    const calls = this.#options.gateway.close(attempt.job.place, attempt.job.attempt);
    this.#holding.end(attempt.job.place.rollout, { again });
    return calls;
  }

  #forget(attempt: Attempt, tainted: boolean): void {
    this.#attempts.delete(attempt.key);
    this.#options.progress.running--;
    attempt.seat.leave(tainted);
    this.#wake();
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

  #timeoutError(milliseconds: number, attempt: Attempt): ErrorInfo {
    const seconds = milliseconds / 1000;
    return attempt.output === undefined
      ? { code: 'rollout-timeout', message: `The rollout took longer than ${seconds} s.`, next: 'Look at its last call in the trace, or raise rollout.timeout.' }
      : this.#ofJudge({ code: 'judge', message: `The judge had not answered when the ${seconds} s of its rollout were over.`, next: 'Give what it waits for a time-out, or raise rollout.timeout.' });
  }

  /** A rollout whose judge failed can be judged again; what a workflow itself does wrong is another matter. */
  #ofJudge(error: ErrorInfo): ErrorInfo {
    const { judge } = this.#options.prepared.load;
    return { ...error, code: 'judge', message: error.message.replace(/^The workflow /, 'The judge '), where: error.where ?? (judge && { file: judge.file }) };
  }
}

async function following(source: AsyncGenerator<Job>, answering: Answering): Promise<{ job: Job; answering: Answering } | undefined> {
  const { done, value } = await source.next();
  return done ? undefined : { job: value, answering };
}
