/**
 * The workers of one run: places to run rollouts in, filled, emptied and replaced. When a worker dies, finds out whose fault it was:
 * a rollout that ran alone or was named by the watchdog is guilty; where several were in flight and nothing tells, each is run again alone.
 */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { BlockedReport, FromWorker, LoadedWorkflow, WorkerLoad } from '../protocol/worker.ts';
import { WorkerProcess } from './worker-process.ts';

/** A rollout's place in a worker. */
export interface Seat {
  readonly worker: WorkerProcess;
  /** Free again; `tainted`: the worker takes nothing new and is replaced once the others in it are done. */
  leave(tainted: boolean): void;
}

export type Loss =
  | { guilt: 'guilty'; error: ErrorInfo }
  | { guilt: 'innocent'; error: ErrorInfo }
  | { guilt: 'suspect'; error: ErrorInfo };

export interface CrewOptions {
  load: WorkerLoad;
  workers: number;
  perWorker: number;
  /** Megabytes a worker may fill. */
  memory: number;
  /** A worker that was started ahead of time. */
  spare?: WorkerProcess;
  message(message: FromWorker): void;
  /** The worker under this rollout is gone. */
  lost(key: string, loss: Loss): void;
  /** A worker that loaded before can't load any more. */
  broken(error: Error): void;
  changed(stamps: ProcessStamp[]): void;
}

interface Member {
  process: WorkerProcess;
  inFlight: Set<string>;
  loaded: Promise<LoadedWorkflow>;
  ready: boolean;
  alone: boolean;
  blocked?: BlockedReport;
}

export class Crew {
  private readonly members = new Set<Member>();
  private readonly queue: { key: string; alone: boolean; resolve(seat: Seat): void }[] = [];
  private readonly options: CrewOptions;
  private spare: WorkerProcess | undefined;
  private ended = false;

  constructor(options: CrewOptions) {
    this.options = options;
    this.spare = options.spare;
  }

  /** Loads the user's files in a first worker, so that what is wrong with them is told before anything runs. */
  async start(): Promise<LoadedWorkflow> {
    return this.hire(false).loaded;
  }

  /** Resolves when there is a free place. */
  seat(key: string, alone: boolean): Promise<Seat> {
    return new Promise((resolve) => {
      this.queue.push({ key, alone, resolve });
      this.fill();
    });
  }

  /** A debugger or a person looks at a rollout here, so the worker's own watchdog must not. */
  get stamps(): ProcessStamp[] {
    return [...this.members].map((member) => member.process.stamp);
  }

  stop(): void {
    this.ended = true;
    this.spare?.kill();
    for (const member of this.members) member.process.stop();
  }

  kill(): void {
    this.ended = true;
    this.spare?.kill();
    for (const member of this.members) member.process.kill();
  }

  private fill(): void {
    if (this.ended) return;
    for (let index = 0; index < this.queue.length;) {
      const waiting = this.queue[index]!;
      const member = this.freeMember(waiting.alone);
      if (member === undefined) { index++; continue; }
      this.queue.splice(index, 1);
      member.inFlight.add(waiting.key);
      waiting.resolve({ worker: member.process, leave: (tainted) => this.leave(member, waiting.key, tainted) });
    }
  }

  /** Rollouts under suspicion share no worker; the others go where most room is, so that they spread. */
  private freeMember(alone: boolean): Member | undefined {
    const mine = [...this.members].filter((member) => member.alone === alone);
    const usable = mine.filter((member) => !member.process.draining);
    const limit = alone ? 1 : this.options.perWorker;
    const free = usable.filter((member) => member.ready && member.inFlight.size < limit).sort((a, b) => a.inFlight.size - b.inFlight.size)[0];
    const wanted = alone ? 1 : this.options.workers;
    const booting = usable.some((member) => !member.ready);
    const full = free === undefined || free.inFlight.size > 0;
    if (full && !booting && usable.length < wanted) this.hire(alone);
    return free;
  }

  private hire(alone: boolean): Member {
    const process = this.spare?.memory === this.options.memory ? this.spare : new WorkerProcess(this.options.memory);
    if (process === this.spare) this.spare = undefined;
    const member: Member = { process, inFlight: new Set(), ready: false, alone, loaded: undefined as never };
    this.members.add(member);
    member.loaded = process.load(this.options.load, {
      message: (message) => this.options.message(message),
      blocked: (report) => { member.blocked = report; process.kill(); },
      exit: (how) => this.exited(member, how),
    });
    member.loaded.then(
      () => { member.ready = true; this.options.changed(this.stamps); this.fill(); },
      (error: Error) => { this.members.delete(member); process.kill(); if (!this.ended) this.options.broken(error); },
    );
    return member;
  }

  private leave(member: Member, key: string, tainted: boolean): void {
    member.inFlight.delete(key);
    if (tainted) member.process.draining = true;
    if (member.process.draining && member.inFlight.size === 0) {
      this.members.delete(member);
      member.process.kill();
      this.options.changed(this.stamps);
    }
    this.fill();
  }

  private exited(member: Member, how: { code: number | null; signal: NodeJS.Signals | null; told: string }): void {
    this.members.delete(member);
    if (this.ended) return;
    const keys = [...member.inFlight];
    const blocked = member.blocked;
    const blamed = blocked?.rollout === undefined ? undefined : `${blocked.rollout}/${blocked.attempt}`;
    for (const key of keys) {
      if (blocked !== undefined && (key === blamed || (blamed === undefined && keys.length === 1))) {
        this.options.lost(key, { guilt: 'guilty', error: blockedError(blocked) });
      } else if (blamed !== undefined) {
        this.options.lost(key, { guilt: 'innocent', error: { code: 'rollout-crashed', message: `Another rollout of the same worker (${blocked!.rollout}) blocked it.` } });
      } else if (keys.length === 1) {
        this.options.lost(key, { guilt: 'guilty', error: crashError(how) });
      } else {
        this.options.lost(key, { guilt: 'suspect', error: crashError(how) });
      }
    }
    this.options.changed(this.stamps);
    this.fill();
  }
}

function blockedError({ blockedFor, stack }: BlockedReport): ErrorInfo {
  const place = /\((\/?[^()]+):(\d+):(\d+)\)/.exec(stack);
  return {
    code: 'rollout-blocked',
    message: `The workflow blocked its process for ${(blockedFor / 1000).toFixed(1)} s: a loop that never ends, or work that never yields.`,
    next: 'The stack shows where it was. Await something in long loops, or raise rollout.block_timeout.',
    where: place === null ? undefined : { file: place[1]!, line: Number(place[2]), column: Number(place[3]) },
    stack: stack === '' ? undefined : stack,
  };
}

function crashError({ code, signal, told }: { code: number | null; signal: NodeJS.Signals | null; told: string }): ErrorInfo {
  const memory = /heap out of memory|allocation failed/i.test(told);
  const words = told.split('\n').find((line) => line.startsWith('FATAL')) ?? told.split('\n').at(-1) ?? '';
  return {
    code: 'rollout-crashed',
    message: memory ? 'The workflow used up the memory of its process.' : `The workflow ended its process (${signal ?? `exit code ${code}`}).${words === '' ? '' : ` It said: ${words}`}`,
    next: memory ? 'Look for what grows without end; rollout.worker_memory sets the limit.' : 'Look for process.abort, process.kill or native code.',
  };
}
