/** One try at one rollout: its conversation at the gateway, its clock, its worker, and in the end its record. */
import { HoldGate } from '../gateway/hooks.ts';
import type { RolloutClock } from '../gateway/clock.ts';
import type { ErrorInfo, Place } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { TRACE_VERSION, type CallRecord, type RolloutRecord, type ToolRecord } from '../protocol/trace.ts';
import type { Seat } from './crew.ts';
import type { Job } from './jobs.ts';

/** Console output kept per rollout; more is cut, so that a chatty loop can't fill the trace. */
const LOG_LIMIT = 64 * 1024;

export class Attempt {
  readonly job: Job;
  readonly seat: Seat;
  readonly clock: RolloutClock;
  readonly gate: HoldGate;
  readonly tools: ToolRecord[] = [];
  readonly started = new Date();
  calls = 0;
  /** The line of user code that called a model or a tool last. */
  lastSite: Place | undefined;
  output: OutputData | undefined;
  /** Set once: whatever comes later does not count. */
  over = false;
  callOffTimeout: () => void = () => {};
  private readonly log: string[] = [];
  private logged = 0;

  constructor(job: Job, seat: Seat, clock: RolloutClock, gate: HoldGate) {
    this.job = job;
    this.seat = seat;
    this.clock = clock;
    this.gate = gate;
  }

  get key(): string {
    return `${this.job.place.rollout}/${this.job.attempt}`;
  }

  called({ site }: CallRecord): void {
    this.calls++;
    this.lastSite = site ?? this.lastSite;
  }

  addTool(tool: Omit<ToolRecord, 'index' | 'afterCalls'>): ToolRecord {
    const record: ToolRecord = { index: this.tools.length, afterCalls: this.calls, ...tool };
    this.tools.push(record);
    this.lastSite = tool.site ?? this.lastSite;
    return record;
  }

  addLog(text: string): void {
    if (this.logged >= LOG_LIMIT) return;
    this.log.push(text);
    this.logged += text.length;
    if (this.logged >= LOG_LIMIT) this.log.push('… (more output was not kept)\n');
  }

  record(workflow: string, calls: CallRecord[], end: { verdict?: Verdict; judge?: string; error?: ErrorInfo; cancelled?: boolean }): RolloutRecord {
    const { job, output } = this;
    const { verdict, error } = end;
    const reward = error === undefined ? verdict?.reward ?? output?.reward ?? null : null;
    return {
      v: TRACE_VERSION,
      ...job.place,
      attempt: job.attempt,
      workflow,
      task: taskData(job.task),
      status: end.cancelled ? 'cancelled' : error === undefined ? 'finished' : 'failed',
      reward,
      success: error === undefined ? (verdict === undefined ? output?.isSuccess : verdict.success) ?? null : null,
      ...(verdict !== undefined && end.judge !== undefined && { judge: { name: end.judge, ...verdict } }),
      metadata: output?.metadata ?? {},
      ...(output !== undefined && Object.keys(output.logMetrics).length > 0 && { metrics: output.logMetrics }),
      ...(error !== undefined && { error }),
      started: this.started.toISOString(),
      duration: this.clock.now(),
      ...(job.record !== undefined && { parent: { rollout: job.record.rollout.rollout, call: job.record.calls } }),
      calls,
      tools: this.tools,
      ...(this.log.length > 0 && { log: this.log }),
    };
  }
}

function taskData(task: Task): JsonObject {
  const { label, ...rest } = task;
  return { ...(rest as unknown as JsonObject), ...(label !== undefined && { label: label as JsonObject }) };
}
