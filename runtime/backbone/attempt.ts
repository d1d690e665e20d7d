/** One try at one rollout: its conversation at the gateway, its clock, its worker, and in the end its record. */
import type { RolloutClock } from '../gateway/clock.ts';
import type { SessionOptions } from '../gateway/session.ts';
import type { Policy } from '../policy/policy.ts';
import type { ErrorCode, ErrorInfo, Place } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { TRACE_VERSION, type CallRecord, type RolloutRecord, type ToolRecord } from '../protocol/trace.ts';
import type { LoadedWorkflow } from '../protocol/worker.ts';
import type { Seat } from './crew.ts';
import type { Hold } from './hold.ts';
import { isFork, keyOf, type Job } from './jobs.ts';
import type { RoleRoutes, RoutesOptions } from './routes.ts';

/** Console output kept per rollout; more is cut, so that a chatty loop can't fill the trace. */
const LOG_LIMIT = 64 * 1024;

interface Step {
  what: string;
  site: Place | undefined;
  /** On the rollout's clock. */
  began: number;
}

/** Errors that come over a rollout from outside, so that they know nothing of what it was doing. */
const FROM_OUTSIDE = new Set<ErrorCode>(['rollout-timeout', 'rollout-crashed', 'rollout-blocked']);

/** Errors of a call that say nothing about the agent. */
const MODELS_FAULT: ReadonlySet<ErrorCode> = new Set(['policy', 'provider', 'trainer', 'trainer-gone', 'swapped', 'non-finite', 'internal']);

/** How the calls of some rollouts are answered. */
export interface Answering {
  workflow: LoadedWorkflow;
  model: Policy;
  openDefault: RoutesOptions['open'];
  door: Pick<SessionOptions, 'seed' | 'mode' | 'sampling' | 'top' | 'maxModelLength' | 'withoutTools'>;
  /** Each rollout as it was sealed. */
  onRecord?(record: RolloutRecord): void;
  /** Brings a trainer back that is gone. Rollouts it took down are begun again after that. */
  recover?(cause: ErrorInfo): Promise<void>;
}

type AttemptParts = Pick<Attempt, 'job' | 'answering' | 'seat' | 'clock' | 'hold' | 'routes'>;

export class Attempt {
  readonly job: Job;
  readonly answering: Answering;
  readonly seat: Seat;
  readonly clock: RolloutClock;
  readonly hold: Hold;
  readonly routes: RoleRoutes;
  calls = 0;
  output: OutputData | undefined;
  /** What the gateway told the agent last when it could not answer. */
  modelFailure: ErrorInfo | undefined;
  /** How it ends is known: whatever becomes of its worker does not change that. */
  settled = false;
  /** Set once: whatever comes later does not count. */
  over = false;
  callOffTimeout: () => void = () => {};
  readonly #started = new Date();
  readonly #tools: ToolRecord[] = [];
  #lastTool: Step | undefined;
  readonly #log: string[] = [];
  #logged = 0;

  constructor({ job, answering, seat, clock, hold, routes }: AttemptParts) {
    this.job = job;
    this.answering = answering;
    this.seat = seat;
    this.clock = clock;
    this.hold = hold;
    this.routes = routes;
  }

  get key(): string {
    return keyOf(this.job);
  }

  beginTool({ name, site }: Pick<ToolRecord, 'name' | 'site'>): void {
    this.#lastTool = { what: `the tool "${name}"`, site, began: this.clock.now() };
  }

  addTool(tool: Omit<ToolRecord, 'index' | 'afterCalls'>): ToolRecord {
    const record: ToolRecord = { index: this.#tools.length, afterCalls: this.calls, ...tool };
    this.#tools.push(record);
    return record;
  }

  /** The error with the last that the rollout is known to have done, where it has no place of its own. */
  located(error: ErrorInfo, calls: readonly CallRecord[]): ErrorInfo {
    if (error.where !== undefined || !FROM_OUTSIDE.has(error.code)) return error;
    const steps = calls.map((call): Step => ({ what: `model call ${call.index} (role "${call.role}")`, site: call.site, began: call.start }));
    if (this.#lastTool !== undefined) steps.push(this.#lastTool);
    const last = steps.sort((a, b) => a.began - b.began).at(-1);
    return last === undefined ? error : { ...error, message: `${error.message} The last it is known to have done is ${last.what}.`, where: last.site };
  }

  addLog(text: string): void {
    if (this.#logged >= LOG_LIMIT) return;
    this.#log.push(text);
    this.#logged += text.length;
    if (this.#logged >= LOG_LIMIT) this.#log.push('… (more output was not kept)\n');
  }

  /** Whatever class of error a framework makes of it: a model that could not be reached is no fault of the agent's. */
  blamed(error: ErrorInfo): ErrorInfo {
    const failure = this.modelFailure;
    if (error.code !== 'rollout-threw' || failure === undefined || !MODELS_FAULT.has(failure.code)) return error;
    return { ...error, code: failure.code, message: failure.message, next: failure.next };
  }

  record(calls: CallRecord[], end: { verdict?: Verdict; judge?: string; error?: ErrorInfo; cancelled?: boolean }): RolloutRecord {
    const { job, output, answering: { workflow } } = this;
    const { verdict, error } = end;
    const reward = error === undefined ? verdict?.reward ?? output?.reward ?? null : null;
    return {
      v: TRACE_VERSION,
      ...job.place,
      attempt: job.attempt,
      workflow: workflow.name,
      task: taskData(job.task),
      status: end.cancelled ? 'cancelled' : error === undefined ? 'finished' : 'failed',
      reward,
      success: error === undefined ? (verdict === undefined ? output?.isSuccess : verdict.success) ?? null : null,
      ...(verdict !== undefined && end.judge !== undefined && { judge: { name: end.judge, ...verdict } }),
      metadata: output?.metadata ?? {},
      ...(output !== undefined && Object.keys(output.logMetrics).length > 0 && { metrics: output.logMetrics }),
      ...(error !== undefined && { error }),
      started: this.#started.toISOString(),
      duration: this.clock.now(),
      ...(job.record !== undefined && isFork(job.record) && { parent: { rollout: job.record.rollout.rollout, call: job.record.calls, ...(job.record.tokens !== undefined && { token: job.record.tokens }) } }),
      calls,
      tools: this.#tools,
      ...(this.#log.length > 0 && { log: this.#log }),
    };
  }
}

function taskData(task: Task): JsonObject {
  const { label, ...rest } = task;
  return { ...(rest as unknown as JsonObject), ...(label !== undefined && { label: label as JsonObject }) };
}
