/** The time of one rollout. It stands still while a debugger holds it, so that no time-out of ours runs on. */
export class RolloutClock {
  #started = performance.now();
  #lost = 0;
  #holds = 0;
  #heldSince = 0;
  readonly #alarms = new Set<Alarm>();

  /** Milliseconds since the start, time on hold excluded. */
  now(): number {
    return (this.#holds > 0 ? this.#heldSince : performance.now()) - this.#started - this.#lost;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  /** Holds nest: the clock goes on once each has been let go. The answer lets this one go, and only once. */
  hold(): () => void {
    if (this.#holds++ === 0) {
      this.#heldSince = performance.now();
      for (const alarm of this.#alarms) clearTimeout(alarm.timer);
    }
    let holding = true;
    return () => {
      if (!holding) return;
      holding = false;
      if (--this.#holds > 0) return;
      this.#lost += performance.now() - this.#heldSince;
      for (const alarm of this.#alarms) this.#wind(alarm);
    };
  }

  /** Calls `ring` after `milliseconds` of this clock. The answer calls it off. */
  after(milliseconds: number, ring: () => void): () => void {
    const alarm: Alarm = { at: this.now() + milliseconds, ring, timer: undefined };
    this.#alarms.add(alarm);
    if (!this.held) this.#wind(alarm);
    return () => {
      clearTimeout(alarm.timer);
      this.#alarms.delete(alarm);
    };
  }

  #wind(alarm: Alarm): void {
    // setTimeout fires at once when asked for more than 2^31 - 1 milliseconds.
    alarm.timer = setTimeout(() => {
      if (alarm.at > this.now() + 1) return this.#wind(alarm);
      this.#alarms.delete(alarm);
      alarm.ring();
    }, Math.min(Math.max(alarm.at - this.now(), 0), 2 ** 31 - 1));
  }
}

interface Alarm {
  at: number;
  ring: () => void;
  timer: NodeJS.Timeout | undefined;
}
