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
  at: Moment['at'];
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
  /** Resolves once a debugger will stop in the function around this place when the rollout goes on there. */
  stepInto(place: Place): Promise<void>;
}

/** What a stop shows beside what all of them do. */
type Shown = Partial<Pick<Stopped, 'stack' | 'call' | 'answered' | 'tool' | 'error' | 'reward' | 'judge'>>;

export class Hold implements CallHooks {
  readonly #options: HoldOptions;
  readonly #waiting: Waiting[] = [];
  #asked: Asked;
  /** Model calls and tools in whose callers a debugger is to stop once they have their answer. */
  readonly #into = new Set<PendingCall | number>();
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
    return this.at({ at: 'call', role: call.role }, { call, stack: [...stack] })?.then((decision) => {
      if (wantsInto(decision)) this.#into.add(call);
      return decision;
    });
  }

  afterCall(call: PendingCall, record: CallRecord, stack: readonly Place[]): Promise<unknown> | undefined {
    const held = this.at({ at: 'answer', record }, { answered: record, stack: [...stack] });
    const into = this.#into.delete(call);
    return held === undefined && !into ? undefined : this.#goOn(held, into, stack);
  }

  /** `call` is the same before and after it runs. */
  async tool(moment: Moment & { at: 'tool' | 'tool-result' }, tool: NonNullable<Stopped['tool']>, call: number, stack: Place[]): Promise<void> {
    const failed = moment.at === 'tool-result' && moment.failed;
    const held = this.at(moment, { stack, tool, ...(failed && { error: { code: 'tool', message: tool.result ?? '', where: stack[0] } }) });
    if (moment.at === 'tool-result') await this.#goOn(held, this.#into.delete(call), stack);
    else if (wantsInto(await held)) this.#into.add(call);
  }

  /** A judge of the user's own has a file. */
  async judge(file: string | undefined): Promise<void> {
    const stack = file === undefined ? [] : [{ file }];
    await this.#goOn(this.at({ at: 'judge' }, { stack }), false, stack);
  }

  /** Lets it go; where that was asked for, a debugger stops in the user code that comes next. */
  async #goOn(held: Promise<CallDecision> | undefined, into: boolean, [place]: readonly Place[]): Promise<void> {
    const decision = await held;
    if (place !== undefined && !this.#over && (into || wantsInto(decision))) await this.#options.stepInto(place);
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
      if (this.#waiting.push({ at: moment.at, stop, decide }) === 1) this.#options.onHeld(stop);
    });
  }

  /** Lets the first stop go. Those behind it that only waited because the rollout was held go too, the others are shown next. */
  release(decision: CallDecision = { do: 'go' }, step = false): void {
    const [first] = this.#waiting;
    if (first !== undefined) checkDecision(first, decision);
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

/** What user code waits for, and the judge. */
const LEADS_TO_CODE: ReadonlySet<Moment['at']> = new Set(['call', 'answer', 'tool', 'tool-result', 'judge']);

function wantsInto(decision: CallDecision | undefined): boolean {
  return decision?.into === true;
}

function checkDecision({ at, stop: { rollout, stack } }: Waiting, decision: CallDecision): void {
  if (decision.do !== 'go' && at !== 'call') {
    throw new TuningForkError('usage', `Rollout ${rollout} is not stopped before a model call, so there is nothing to ${decision.do === 'edit' ? 'edit' : 'answer'}.`, {
      next: 'Let it go on, or fork it from an earlier call.',
    });
  }
  if (wantsInto(decision) && (stack.length === 0 || !LEADS_TO_CODE.has(at))) {
    throw new TuningForkError('usage', `Rollout ${rollout} is not stopped at a call whose line of code is known, so there is nothing to step into.`, { next: 'Let it go on.' });
  }
}
