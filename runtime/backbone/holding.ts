/** What people ask of a run's rollouts while they go on: to stand still, where to, and to go on. */
import type { RolloutClock } from '../gateway/clock.ts';
import type { CallDecision, StartRun } from '../protocol/backbone.ts';
import { TuningForkError, type Place } from '../protocol/errors.ts';
import type { Stopped, StopPoint } from '../protocol/stops.ts';
import type { FromWorker } from '../protocol/worker.ts';
import type { EventLog } from './events.ts';
import { Hold, type Asked } from './hold.ts';
import type { Job } from './jobs.ts';
import type { Progress } from './progress.ts';
import { StopPoints } from './stops.ts';
import type { WorkerProcess } from './worker-process.ts';

interface HoldingOptions {
  request: Pick<StartRun, 'inspect' | 'stops' | 'stopOnEntry'>;
  events: EventLog;
  progress: Progress;
}

interface Open {
  hold: Hold;
  worker: WorkerProcess;
}

export class Holding {
  readonly #options: HoldingOptions;
  readonly #points: StopPoints;
  /** What rollouts are asked to stop at from their start on. */
  readonly #entry: Asked;
  /** By rollout. */
  readonly #open = new Map<string, Open>();
  readonly #beforeStart = new Set<string>();
  readonly #aiming = new Map<number, () => void>();
  #nextAim = 1;
  #watched: boolean;

  constructor(options: HoldingOptions) {
    const { stops = [], stopOnEntry = false, inspect = false } = options.request;
    this.#options = options;
    this.#points = new StopPoints(stops);
    this.#entry = stopOnEntry ? 'call' : 'nothing';
    this.#watched = inspect || stopOnEntry || stops.length > 0;
  }

  /** Somebody may want to hold rollouts, so workers ask before and after tools. */
  get watched(): boolean {
    return this.#watched;
  }

  begin({ place: { rollout, taskId, sample }, attempt }: Job, worker: WorkerProcess, clock: RolloutClock): Hold {
    const { events, progress } = this.#options;
    const hold = new Hold({
      about: { rollout, attempt, task: taskId, sample }, clock, points: this.#points,
      asked: this.#beforeStart.delete(rollout) ? 'anything' : this.#entry,
      onHeld: (stop) => {
        progress.change({ held: 1 });
        events.emit({ type: 'held', stop });
      },
      onReleased: () => {
        progress.change({ held: -1 });
        events.emit({ type: 'released', rollout });
      },
      stepInto: (place) => this.#aim(worker, { rollout, attempt, place }),
    });
    this.#open.set(rollout, { hold, worker });
    return hold;
  }

  /** Nothing of this attempt waits any more. `again`: another one follows, and is held where this one was to be. */
  end(rollout: string, { again }: { again: boolean }): void {
    const hold = this.#open.get(rollout)?.hold;
    this.#open.delete(rollout);
    if (again && hold?.asked === 'anything') this.#beforeStart.add(rollout);
    hold?.drop();
  }

  hold(rollout: string): void {
    this.#watch();
    const open = this.#open.get(rollout);
    if (open === undefined) this.#beforeStart.add(rollout);
    else open.hold.ask('anything');
  }

  setStops(stops: readonly StopPoint[]): void {
    if (stops.length > 0) this.#watch();
    this.#points.set(stops);
  }

  /** What stands still. */
  stopped(rollout?: string): Stopped[] {
    const open = rollout === undefined ? [...this.#open.values()] : [this.#open.get(rollout) ?? []].flat();
    return this.#options.events.redacted(open.flatMap(({ hold }) => hold.stops));
  }

  release(rollout: string, decision?: CallDecision, step?: boolean): void {
    if (decision?.into === true && this.#options.request.inspect !== true) {
      throw new TuningForkError('usage', 'No debugger can be attached to the worker of this run, so there is no stepping into its code.', { next: 'Start it with "inspect".' });
    }
    const open = this.#open.get(rollout);
    if (open !== undefined) return open.hold.release(decision, step);
    if (step) this.#beforeStart.add(rollout);
    else this.#beforeStart.delete(rollout);
  }

  /** A tool is about to run, or has run, and its worker may wait to be told to go on. */
  tool(hold: Hold, worker: WorkerProcess, message: Extract<FromWorker, { type: 'tool-started' | 'tool' }>): void {
    const { held } = message;
    if (held === undefined) return;
    const { ask, stack } = held;
    const done = message.type === 'tool'
      ? hold.tool({ at: 'tool-result', name: message.tool.name, failed: message.tool.error ?? false }, { name: message.tool.name, arguments: held.arguments, result: message.tool.result }, ask, stack)
      : hold.tool({ at: 'tool', name: message.name }, { name: message.name, arguments: held.arguments }, ask, stack);
    void done.then(() => worker.send({ type: 'go-on', ask }));
  }

  /** A debugger in a worker will stop where it was asked to. */
  aimed(ask: number): void {
    this.#aiming.get(ask)?.();
    this.#aiming.delete(ask);
  }

  #aim(worker: WorkerProcess, at: { rollout: string; attempt: number; place: Place }): Promise<void> {
    return new Promise((resolve) => {
      const ask = this.#nextAim++;
      this.#aiming.set(ask, resolve);
      worker.send({ type: 'step-into', ask, ...at });
    });
  }

  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    for (const worker of new Set([...this.#open.values()].map((open) => open.worker))) worker.send({ type: 'ask' });
  }
}
