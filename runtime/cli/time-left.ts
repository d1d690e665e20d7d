/** How long a run will still take: steady enough to be believed, and never a guess from nothing. */
export class TimeLeft {
  /** When it will be over, on the clock of `now`. */
  private end: number | undefined;
  private last = 0;

  /** `now` in milliseconds since rollouts began. Undefined while there is too little to tell from. */
  estimate(now: number, { done, running, planned }: { done: number; running: number; planned: number }): number | undefined {
    const rest = planned - done;
    if (rest <= 0 || done < Math.max(Math.min(4, planned / 8), Math.min(running, rest) * 0.75)) return undefined;
    // Those under way are taken for half done: counting only the finished would overrate what is left of the first wave.
    const work = done + Math.min(running, rest) / 2;
    const raw = now + ((planned - work) / work) * now;
    this.end = this.end === undefined ? raw : this.end + (raw - this.end) * (1 - Math.exp(-(now - this.last) / SETTLE_MS));
    this.last = now;
    return Math.max(0, this.end - now);
  }
}

/** How fast the estimate follows what happens: a burst of short rollouts must not make it jump. */
const SETTLE_MS = 4_000;

/** As coarse as it is uncertain, so that it changes seldom. */
export function roundLeft(milliseconds: number): number {
  const seconds = milliseconds / 1_000;
  const step = seconds < 10 ? 1 : seconds < 60 ? 5 : seconds < 600 ? 10 : 60;
  return Math.max(1, Math.ceil(seconds / step) * step) * 1_000;
}
