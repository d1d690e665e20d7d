/**
 * The workers of one run: places to run rollouts in, filled, emptied and replaced. When a worker dies, finds out whose fault it was:
 * a rollout that ran alone or was named by the watchdog is guilty; where several were in flight and nothing tells, each is run again alone.
 */
import { fromErrorInfo, type ErrorInfo } from '../protocol/errors.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { BlockedReport, FromWorker, LoadedWorkflow, WorkerLoad } from '../protocol/worker.ts';
import { WorkerProcess, type Exit } from './worker-process.ts';

/** A rollout's place in a worker. */
export interface Seat {
  readonly worker: WorkerProcess;
  /** Free again; `tainted`: the worker takes nothing new and is replaced once the others in it are done. */
  leave(tainted: boolean): void;
}

/** `suspect`: it or another one in the same worker. */
export interface Loss {
  guilt: 'guilty' | 'innocent' | 'suspect';
  error: ErrorInfo;
  /** Somebody outside may have killed the process: the system short of memory, a person. Then it is no fault of the rollout's. */
  fromOutside?: boolean;
}

export interface CrewOptions {
  load: WorkerLoad;
  workers: number;
  /** Rollouts at once, in all workers together. */
  concurrency: number;
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
  readonly #members = new Set<Member>();
  readonly #queue: { key: string; alone: boolean; resolve(seat: Seat): void }[] = [];
  readonly #options: CrewOptions;
  #spare: WorkerProcess | undefined;
  #ended = false;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#spare = options.spare;
  }

  /** Loads the user's files in a first worker, so that what is wrong with them is told before anything runs. */
  async start(): Promise<LoadedWorkflow> {
    return this.#hire(false).loaded;
  }

  /** Resolves when there is a free place. */
  seat(key: string, alone: boolean): Promise<Seat> {
    return new Promise((resolve) => {
      this.#queue.push({ key, alone, resolve });
      this.#fill();
    });
  }

  get #stamps(): ProcessStamp[] {
    return [...this.#members].map((member) => member.process.stamp);
  }

  stop(): void {
    this.#ended = true;
    this.#spare?.kill();
    for (const member of this.#members) member.process.stop();
  }

  kill(): void {
    this.#ended = true;
    this.#spare?.kill();
    for (const member of this.#members) member.process.kill();
  }

  #fill(): void {
    if (this.#ended) return;
    for (let index = 0; index < this.#queue.length;) {
      const waiting = this.#queue[index]!;
      const member = this.#freeMember(waiting.alone);
      if (member === undefined) { index++; continue; }
      this.#queue.splice(index, 1);
      member.inFlight.add(waiting.key);
      waiting.resolve({ worker: member.process, leave: (tainted) => this.#leave(member, waiting.key, tainted) });
    }
  }

  /** Rollouts under suspicion share no worker; the others go where most room is, so that they spread. */
  #freeMember(alone: boolean): Member | undefined {
    const { workers, concurrency } = this.#options;
    const members = [...this.#members];
    if (members.reduce((sum, member) => sum + member.inFlight.size, 0) >= concurrency) return undefined;
    const usable = members.filter((member) => member.alone === alone && !member.process.draining);
    const limit = alone ? 1 : Math.ceil(concurrency / workers);
    const free = usable.filter((member) => member.ready && member.inFlight.size < limit).sort((a, b) => a.inFlight.size - b.inFlight.size)[0];
    const booting = usable.some((member) => !member.ready);
    const full = free === undefined || free.inFlight.size > 0;
    if (full && !booting && usable.length < workers) this.#hire(alone);
    return free;
  }

  #hire(alone: boolean): Member {
    const process = this.#spare?.memory === this.#options.memory ? this.#spare : new WorkerProcess(this.#options.memory);
    if (process === this.#spare) this.#spare = undefined;
    const member: Member = { process, inFlight: new Set(), ready: false, alone, loaded: undefined as never };
    this.#members.add(member);
    member.loaded = this.#load(member);
    member.loaded.then(
      () => { member.ready = true; this.#fill(); },
      (error: Error) => { this.#members.delete(member); process.kill(); if (!this.#ended) this.#options.broken(error); },
    );
    this.#options.changed(this.#stamps);
    return member;
  }

  async #load(member: Member): Promise<LoadedWorkflow> {
    const { process } = member;
    try {
      return await process.load(this.#options.load, {
        message: (message) => {
          if (message.type === 'late-error' && message.tainted) this.#drain(member);
          this.#options.message(message);
        },
        blocked: (report) => { member.blocked = report; process.kill(); },
        exit: (how) => this.#exited(member, how),
      });
    } catch (error) {
      if (member.blocked !== undefined) throw fromErrorInfo({ ...blockedError(member.blocked, 'Importing the workflow'), code: 'workflow' });
      throw error;
    }
  }

  #leave(member: Member, key: string, tainted: boolean): void {
    member.inFlight.delete(key);
    if (tainted || member.process.draining) this.#drain(member);
    this.#fill();
  }

  #drain(member: Member): void {
    member.process.draining = true;
    if (member.inFlight.size > 0 || !this.#members.delete(member)) return;
    member.process.kill();
    this.#options.changed(this.#stamps);
  }

  #exited(member: Member, how: Exit): void {
    const known = this.#members.delete(member);
    // While it was loading, the promise of that tells.
    if (this.#ended || !known || !member.ready) return;
    const keys = [...member.inFlight];
    for (const key of keys) this.#options.lost(key, lossOf(key, keys.length, member.blocked, how));
    this.#options.changed(this.#stamps);
    this.#fill();
  }
}

function lossOf(key: string, inFlight: number, blocked: BlockedReport | undefined, how: Exit): Loss {
  if (blocked === undefined) {
    return inFlight === 1 ? { guilt: 'guilty', error: crashError(how), fromOutside: how.signal === 'SIGKILL' && how.told === '' } : { guilt: 'suspect', error: doubt(`ended (${how.signal ?? `exit code ${how.code}`})`, inFlight) };
  }
  if (blocked.rollout === undefined) {
    return inFlight === 1 ? { guilt: 'guilty', error: blockedError(blocked) } : { guilt: 'suspect', error: doubt('was blocked', inFlight) };
  }
  return key === `${blocked.rollout}/${blocked.attempt}`
    ? { guilt: 'guilty', error: blockedError(blocked) }
    : { guilt: 'innocent', error: { code: 'rollout-crashed', message: `Rollout ${blocked.rollout} blocked the process they shared.` } };
}

function doubt(what: string, inFlight: number): ErrorInfo {
  return { code: 'rollout-crashed', message: `Its process ${what}, and nothing tells which of the ${inFlight} rollouts in it was the cause; each is tried alone.` };
}

function blockedError({ blockedFor, stack, where }: BlockedReport, who = 'The workflow'): ErrorInfo {
  return {
    code: 'rollout-blocked',
    message: `${who} blocked its process for ${(blockedFor / 1000).toFixed(1)} s: a loop that never ends, or work that never yields.`,
    next: 'The stack shows where it was. Await something in long loops, or raise rollout.block_timeout.',
    where,
    stack,
  };
}

function crashError({ code, signal, told }: Exit): ErrorInfo {
  const memory = /heap out of memory|allocation failed/i.test(told);
  const words = told.split('\n').find((line) => line.startsWith('FATAL')) ?? told.split('\n').at(-1) ?? '';
  return {
    code: 'rollout-crashed',
    message: memory ? 'The workflow used up the memory of its process.' : `The workflow ended its process (${signal ?? `exit code ${code}`}).${words === '' ? '' : ` It said: ${words}`}`,
    next: memory ? 'Look for what grows without end; rollout.worker_memory sets the limit.' : 'Look for process.abort, process.kill or native code.',
  };
}
