/**
 * Clients repeat a request whose connection broke. The call behind it goes on meanwhile; the repetition takes its answer over, so that it is
 * sampled once and recorded once. Requests that are merely equal are calls of their own.
 */
import { hash } from 'node:crypto';
import type { Answered } from './completion.ts';
import { ApiError } from './errors.ts';

export interface Asked {
  role: string;
  body: Buffer;
  idempotencyKey: string | undefined;
  /** How often the client says it has sent this before. */
  repetition: number;
}

/** A call and whoever waits for it. */
export interface SharedCall {
  readonly answer: Promise<Answered>;
  /** What a repetition is recognised by; absent where it must bring the same key. */
  readonly identity: string | undefined;
  /** How many connections wait for it. */
  waiting: number;
  /** All was written, but the connection closed so soon that the client may have given up before. */
  doubtful: boolean;
}

/** A client may repeat before we have seen its first connection close. */
const GRACE_MS = 100;

export class Retries {
  /** Calls without a key that are not delivered for certain, oldest first. */
  readonly #open = new Set<SharedCall>();
  readonly #byKey = new Map<string, { call: SharedCall; identity: string }>();
  readonly #seekers = new Set<{ identity: string; found: (call: SharedCall | undefined) => void }>();

  /** The call that answers this request, begun now unless it was before. */
  join(asked: Asked, begin: () => Promise<Answered>): SharedCall | Promise<SharedCall> {
    const identity = `${asked.role}\0${hash('sha1', asked.body, 'base64')}`;
    if (asked.idempotencyKey !== undefined) return this.#joinByKey(asked.idempotencyKey, identity, begin);
    const repeats = asked.repetition > 0;
    const abandoned = this.#abandoned(identity, repeats);
    if (abandoned !== undefined) return again(abandoned);
    if (!repeats || ![...this.#open].some((call) => call.identity === identity)) return this.#begin(identity, begin);
    return this.#soonAbandoned(identity).then((call) => (call === undefined ? this.#begin(identity, begin) : again(call)));
  }

  delivered(call: SharedCall): void {
    call.waiting--;
    this.#open.delete(call);
  }

  /** The connection broke before all was written. */
  abandoned(call: SharedCall): void {
    call.waiting--;
    this.#offer(call);
  }

  /** The connection closed just after all was written. */
  doubt(call: SharedCall): void {
    call.doubtful = true;
    this.#offer(call);
  }

  #joinByKey(key: string, identity: string, begin: () => Promise<Answered>): SharedCall {
    const known = this.#byKey.get(key);
    if (known === undefined) {
      const call: SharedCall = { answer: begin(), identity: undefined, waiting: 1, doubtful: false };
      this.#byKey.set(key, { call, identity });
      // A failed call may be tried again.
      call.answer.catch(() => this.#byKey.delete(key));
      return call;
    }
    if (known.identity === identity) return again(known.call);
    throw new ApiError(409, 'This idempotency key was used for another request.', { type: 'idempotency_error', param: 'idempotency-key', next: 'Use a new key for each new request.' });
  }

  #begin(identity: string, begin: () => Promise<Answered>): SharedCall {
    const call: SharedCall = { answer: begin(), identity, waiting: 1, doubtful: false };
    this.#open.add(call);
    return call;
  }

  #offer(call: SharedCall): void {
    if (call.identity === undefined) return;
    this.#open.add(call);
    for (const seeker of this.#seekers) {
      if (seeker.identity !== call.identity) continue;
      this.#seekers.delete(seeker);
      return seeker.found(call);
    }
  }

  #abandoned(identity: string, repeats: boolean): SharedCall | undefined {
    for (const call of this.#open) {
      if (call.waiting === 0 && call.identity === identity && (!call.doubtful || repeats)) return call;
    }
    return undefined;
  }

  #soonAbandoned(identity: string): Promise<SharedCall | undefined> {
    return new Promise((resolve) => {
      const found = (call: SharedCall | undefined): void => {
        clearTimeout(timer);
        resolve(call);
      };
      const seeker = { identity, found };
      const timer = setTimeout(() => {
        this.#seekers.delete(seeker);
        found(undefined);
      }, GRACE_MS);
      this.#seekers.add(seeker);
    });
  }
}

function again(call: SharedCall): SharedCall {
  call.waiting++;
  return call;
}
