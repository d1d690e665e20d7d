/** The attempts under way: each from its place in a worker to its sealed record, or until it has to be made again. */
import { RolloutClock } from '../gateway/clock.ts';
import { ReplaySource } from '../gateway/replay.ts';
import type { Gateway } from '../gateway/server.ts';
import { errorInfo, type ErrorInfo } from '../protocol/errors.ts';
import type { CallRecord } from '../protocol/trace.ts';
import type { FromWorker } from '../protocol/worker.ts';
import { readStack } from '../sdk/call-site.ts';
import { Attempt, type Answering } from './attempt.ts';
import type { Loss, Seat } from './crew.ts';
import type { EventLog } from './events.ts';
import { Holding } from './holding.ts';
import { Groups, type Job } from './jobs.ts';
import { Judging, ofJudge, type Graded } from './judging.ts';
import type { Prepared } from './prepare.ts';
import type { Progress } from './progress.ts';
import { RoleRoutes } from './routes.ts';

/** A process that is killed whenever this rollout is alone in it is killed by the rollout. */
const KILLED_THAT_OFTEN = 4;
const CANCELLED: ErrorInfo = { code: 'rollout-cancelled', message: 'Cancelled.' };

/** A rollout that is to be run, and by whom its calls are answered. */
export interface Order {
  job: Job;
  answering: Answering;
}

export interface AttemptsOptions {
  prepared: Prepared;
  gateway: Gateway;
  events: EventLog;
  progress: Progress;
  /** To be run once more, once what it needs is `ready`. */
  again(order: Order, ready?: Promise<void>): void;
  /** One is over: its seat is free. */
  left(): void;
  fail(error: unknown): void;
}

type Ending = Parameters<Attempt['record']>[1] & { tainted: boolean };

export class Attempts {
  readonly holding: Holding;
  readonly #options: AttemptsOptions;
  readonly #open = new Map<string, Attempt>();
  readonly #judging: Judging;
  readonly #groups = new Groups();
  readonly #cancelledBeforeStart = new Set<string>();

  constructor(options: AttemptsOptions) {
    const { prepared, events, progress } = options;
    this.#options = options;
    this.#judging = new Judging(prepared.judge);
    this.holding = new Holding({ request: prepared.debugging, events, progress });
  }

  get size(): number {
    return this.#open.size;
  }

  async begin({ job, answering }: Order, seat: Seat): Promise<void> {
    const { prepared, gateway, events, progress } = this.#options;
    const { place } = job;
    const clock = new RolloutClock();
    const hold = this.holding.begin(job, seat.worker, clock);
    const routes = new RoleRoutes({ model: answering.model, targets: answering.workflow.trainableTargets, open: answering.openDefault });
    const attempt = new Attempt({ job, answering, seat, clock, hold, routes });
    this.#open.set(attempt.key, attempt);
    progress.change({ running: 1 });
    if (this.#cancelledBeforeStart.delete(place.rollout)) return this.#end(attempt, { error: CANCELLED, cancelled: true, tainted: false });
    const timeout = prepared.rolloutTimeout;
    if (timeout !== null) attempt.callOffTimeout = clock.after(timeout, () => void this.#end(attempt, { error: this.#timeoutError(timeout, attempt), tainted: true }));

    await prepared.writer.journal.begin(place, job.attempt);
    if (attempt.over) return;
    const replay = job.record && new ReplaySource(job.record.rollout, { untilCall: job.record.calls, untilToken: job.record.tokens, fork: job.record.fork });
    const door = gateway.open({
      ...answering.door, sampling: { ...answering.door.sampling, ...job.sampling }, place, attempt: job.attempt, clock, hooks: hold, replay,
      route: (role) => routes.find(role),
      onCall: (call) => this.#called(attempt, call),
      onFailure: (_role, error) => this.#callFailed(attempt, error),
    });
    events.emit({ type: 'rollout-started', rollout: place.rollout, attempt: job.attempt, task: place.taskId, sample: place.sample });
    seat.worker.send({ type: 'run', start: { place, attempt: job.attempt, task: { ...job.task, label: undefined }, gateway: door.url, apiKey: door.apiKey, replay: replay !== undefined, asks: this.holding.watched } });
  }

  receive(message: FromWorker): void {
    const { events, gateway, prepared: { writer } } = this.#options;
    if (message.type === 'inspector') return events.emit({ type: 'inspector', url: message.url, pid: message.pid });
    if (message.type === 'late-error') return events.emit({ type: 'notice', level: 'warning', notice: message.error });
    if (message.type === 'log') {
      const { rollout, stream, text, site, console } = message;
      events.emit({ type: 'log', rollout, stream, text, site, console });
      return this.#open.get(`${rollout}/${message.attempt}`)?.addLog(text);
    }
    if (!('rollout' in message) || !('attempt' in message)) return;
    const attempt = this.#open.get(`${message.rollout}/${message.attempt}`);
    if (attempt === undefined || attempt.over) return;
    switch (message.type) {
      case 'register': return attempt.routes.register(message.role, message.defaultModel);
      case 'tool-started':
        attempt.beginTool(message);
        return this.holding.tool(attempt.hold, attempt.seat.worker, message);
      case 'tool':
        void writer.journal.tool(message.rollout, message.attempt, attempt.addTool(message.tool)).catch((error: unknown) => this.#options.fail(error));
        return this.holding.tool(attempt.hold, attempt.seat.worker, message);
      case 'aimed': return this.holding.aimed(message.ask);
      case 'ask-tool': {
        const result = gateway.session(attempt.job.place, attempt.job.attempt)?.replay?.tool(message.name, message.arguments);
        return attempt.seat.worker.send({ type: 'recorded-tool', ask: message.ask, result });
      }
      case 'finished': attempt.output = message.output; return void this.#judge(attempt);
      case 'failed': return void this.#failed(attempt, 'workflow', attempt.blamed(message.error), message.tainted);
      case 'judged': return this.#judging.receive(attempt.key, message);
    }
  }

  /** The worker under it is gone. */
  lost(key: string, { guilt, error, fromOutside = false }: Loss): void {
    const attempt = this.#open.get(key);
    if (attempt === undefined || attempt.over) return;
    if (attempt.settled) return attempt.hold.drop();
    const { job } = attempt;
    const doubtful = fromOutside && job.attempt < KILLED_THAT_OFTEN;
    if (guilt === 'guilty' && !doubtful) {
      return void (attempt.output === undefined ? this.#failed(attempt, 'workflow', error, true) : this.#failed(attempt, 'judge', this.#ofJudge(error), true));
    }
    // Twice the victim of others it gets a worker for itself too: so each rollout comes to an end.
    this.#makeAgain(attempt, error, { alone: job.alone || guilt !== 'innocent' || job.attempt > 1, tainted: true });
  }

  /** Begun or not. */
  async cancel(rollout: string): Promise<void> {
    const attempt = [...this.#open.values()].find(({ job, over }) => job.place.rollout === rollout && !over);
    if (attempt === undefined) this.#cancelledBeforeStart.add(rollout);
    else await this.#end(attempt, { error: CANCELLED, cancelled: true, tainted: true });
  }

  async cancelAll(error = CANCELLED): Promise<void> {
    await Promise.all([...this.#open.values()].map((attempt) => this.#end(attempt, { error, cancelled: true, tainted: true })));
  }

  /** They leave no trace, to be run anew another time. */
  abandonAll(): void {
    for (const attempt of this.#open.values()) {
      if (attempt.over) continue;
      this.#discard(attempt, CANCELLED, false);
      this.#forget(attempt, true);
    }
  }

  async #called(attempt: Attempt, call: CallRecord): Promise<void> {
    const { events, progress, prepared: { writer } } = this.#options;
    const { rollout } = attempt.job.place;
    const { prompt, completion: sampled } = call.usage;
    attempt.calls++;
    // What a client has seen is not lost in a crash.
    await writer.journal.call(rollout, attempt.job.attempt, call);
    progress.change({ calls: 1, prompt, sampled });
    if (!attempt.over) events.emit({ type: 'call', rollout, index: call.index, role: call.role, prompt, sampled, duration: call.duration, site: call.site });
  }

  #callFailed(attempt: Attempt, error: ErrorInfo): void {
    // Whatever the agent makes of such an error, a replay that went another way is none.
    if (error.code === 'diverged') return void this.#end(attempt, { error, tainted: false });
    attempt.modelFailure = error;
    const { recover } = attempt.answering;
    // The model went away under it: no fault of the rollout's, and its worker is as good as before.
    if (error.code === 'trainer-gone' && recover !== undefined && !attempt.over) this.#makeAgain(attempt, error, { alone: attempt.job.alone, tainted: false, ready: recover(error) });
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
  async #end(attempt: Attempt, how: Ending): Promise<void> {
    if (attempt.over) return;
    const { events, progress, fail, prepared: { writer } } = this.#options;
    if (!attempt.settled) this.#groups.settle(attempt.job, undefined);
    const calls = this.#retire(attempt, false);
    const error = how.error && attempt.located(how.error, calls);
    if (error !== undefined) this.#callOff(attempt, error);
    const record = attempt.record(calls, { ...how, error });
    try {
      const entry = await writer.seal(record);
      progress.count(entry);
      events.emit({ type: 'rollout-finished', entry, error });
      attempt.answering.onRecord?.(record);
    } catch (problem) {
      fail(problem);
    }
    this.#forget(attempt, how.tainted);
  }

  /** Nothing of it counts, and another attempt follows. */
  #makeAgain(attempt: Attempt, cause: ErrorInfo, { alone, tainted, ready }: { alone: boolean; tainted: boolean; ready?: Promise<void> }): void {
    const { job, answering } = attempt;
    const again = { answering, job: { ...job, attempt: job.attempt + 1, alone } };
    this.#discard(attempt, cause, true);
    this.#options.events.emit({ type: 'requeued', rollout: job.place.rollout, attempt: again.job.attempt, cause });
    this.#options.again(again, ready);
    this.#forget(attempt, tainted);
  }

  #discard(attempt: Attempt, cause: ErrorInfo, again: boolean): void {
    const { place, attempt: number } = attempt.job;
    this.#callOff(attempt, cause);
    this.#retire(attempt, again);
    this.#options.prepared.writer.discardAttempt(place.rollout, number).catch((problem: unknown) => this.#options.fail(problem));
  }

  #callOff({ job, seat }: Attempt, error: ErrorInfo): void {
    seat.worker.send({ type: 'cancel', rollout: job.place.rollout, attempt: job.attempt, error });
  }

  /** From here on nothing of this attempt counts. Gives its calls. */
  #retire(attempt: Attempt, again: boolean): CallRecord[] {
    const { place, attempt: number } = attempt.job;
    attempt.over = true;
    attempt.callOffTimeout();
    this.#judging.forget(attempt.key);
    const calls = this.#options.gateway.close(place, number);
    this.holding.end(place.rollout, { again });
    return calls;
  }

  #forget(attempt: Attempt, tainted: boolean): void {
    this.#open.delete(attempt.key);
    this.#options.progress.change({ running: -1 });
    attempt.seat.leave(tainted);
    this.#options.left();
  }

  #timeoutError(milliseconds: number, attempt: Attempt): ErrorInfo {
    const seconds = milliseconds / 1000;
    return attempt.output === undefined
      ? { code: 'rollout-timeout', message: `The rollout took longer than ${seconds} s.`, next: 'Look at its last call in the trace, or raise rollout.timeout.' }
      : this.#ofJudge({ code: 'judge', message: `The judge had not answered when the ${seconds} s of its rollout were over.`, next: 'Give what it waits for a time-out, or raise rollout.timeout.' });
  }

  #ofJudge(error: ErrorInfo): ErrorInfo {
    return ofJudge(error, this.#options.prepared.load);
  }
}
