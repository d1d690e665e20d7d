/** Holds one attempt at a rollout: where it stands still, why, and what lets it go on. */
import type { RolloutClock } from '../gateway/clock.ts';
import type { CallHooks } from '../gateway/hooks.ts';
import type { CallDecision, PendingCall } from '../protocol/backbone.ts';
import { TuningForkError, type Place } from '../protocol/errors.ts';
import type { Stopped } from '../protocol/stops.ts';
import type { CallRecord } from '../protocol/trace.ts';
import { describe, type Moment, type StopPoints } from './stops.ts';

/** What it is asked to stop at beside stop points: nothing, its first model call, or whatever comes next. */
export type Asked = 'nothing' | 'call' | 'anything';

interface Waiting {
  stop: Stopped;
  decide: (decision: CallDecision) => void;
}

export interface HoldOptions {
  about: Pick<Stopped, 'rollout' | 'attempt' | 'task' | 'sample'>;
  clock: RolloutClock;
  points: StopPoints;
  asked: Asked;
  /** It stands still there. Told one after the other: where several calls of a rollout wait, the next once the one before has been let go. */
  onHeld(stop: Stopped): void;
  onReleased(): void;
}

/** What a stop shows beside what all of them do. */
type Shown = Partial<Pick<Stopped, 'stack' | 'call' | 'answered' | 'tool' | 'error' | 'reward' | 'judge'>>;

export class Hold implements CallHooks {
  readonly #options: HoldOptions;
  readonly #waiting: Waiting[] = [];
  #asked: Asked;
  #over = false;

  constructor(options: HoldOptions) {
    this.#options = options;
    this.#asked = options.asked;
  }

  get asked(): Asked {
    return this.#asked;
  }

  /** First come first; the first is the one that `release` is about. */
  get stops(): Stopped[] {
    return this.#waiting.map(({ stop }) => stop);
  }

  ask(asked: Asked): void {
    this.#asked = asked;
  }

  beforeCall(call: PendingCall, stack: readonly Place[]): Promise<CallDecision> | undefined {
    return this.at({ at: 'call', role: call.role }, { call, stack: [...stack] });
  }

  afterCall(_call: PendingCall, record: CallRecord, stack: readonly Place[]): Promise<CallDecision> | undefined {
    return this.at({ at: 'answer', record }, { answered: record, stack: [...stack] });
  }

  /** Undefined: nobody asked to stop there. */
  at(moment: Moment, shown: Shown): Promise<CallDecision> | undefined {
    if (this.#over) return undefined;
    const hit = this.#options.points.meet(moment);
    const asked = this.#asked === 'anything' ? moment.at !== 'group-end' : this.#asked === moment.at;
    if (hit === undefined && !asked) return undefined;
    if (this.#asked === 'call' && asked) this.#asked = 'nothing';
    const { about, clock } = this.#options;
    const stop: Stopped = {
      ...about, on: hit?.on ?? 'hold', points: hit?.points ?? [], text: describe(moment, hit), stack: [], ...shown, ...(hit?.token && { token: hit.token }),
    };
    const goOn = clock.hold();
    return new Promise((resolve) => {
      const decide = (decision: CallDecision): void => {
        goOn();
        resolve(decision);
      };
      if (this.#waiting.push({ stop, decide }) === 1) this.#options.onHeld(stop);
    });
  }

  /** Lets the first stop go. Those behind it that only waited because the rollout was held go too, the others are shown next. */
  release(decision: CallDecision = { do: 'go' }, step = false): void {
    const [first] = this.#waiting;
    if (first !== undefined) checkDecision(first.stop, decision);
    this.#asked = step ? 'anything' : 'nothing';
    if (first === undefined) return;
    this.#waiting.shift();
    const others = this.#waiting.splice(0);
    for (const one of others) {
      if (step || one.stop.points.some((id) => this.#options.points.has(id))) this.#waiting.push(one);
      else one.decide({ do: 'go' });
    }
    this.#options.onReleased();
    first.decide(decision);
    if (this.#waiting.length > 0) this.#options.onHeld(this.#waiting[0]!.stop);
  }

  /** The attempt is over, or goes to its end: nothing of it waits any more. */
  drop(): void {
    this.#over = true;
    const waiting = this.#waiting.splice(0);
    if (waiting.length > 0) this.#options.onReleased();
    for (const { decide } of waiting) decide({ do: 'go' });
  }
}

function checkDecision({ rollout, call, answered, tool }: Stopped, decision: CallDecision): void {
  if (decision.do !== 'go' && call === undefined) {
    throw new TuningForkError('usage', `Rollout ${rollout} is not stopped before a model call, so there is nothing to ${decision.do === 'edit' ? 'edit' : 'answer'}.`, {
      next: 'Let it go on, or fork it from an earlier call.',
    });
  }
  if (decision.do === 'go' && decision.into === true && (call ?? answered ?? tool) === undefined) {
    throw new TuningForkError('usage', `Rollout ${rollout} is not stopped at a call, so there is no code to step into.`, { next: 'Let it go on.' });
  }
}
