import type { RunProgress } from '../protocol/backbone.ts';
import type { IndexEntry } from '../protocol/trace.ts';
import type { EventLog } from './events.ts';

const TOLD_MS = 200;

/** The figures of a run, told now and then while they change, and once at its end. */
export class Progress {
  readonly figures: RunProgress;
  readonly #events: EventLog;
  readonly #started = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(events: EventLog, planned: number) {
    this.figures = { ...emptyProgress(), planned };
    this.#events = events;
  }

  /** Milliseconds since the run began. */
  get elapsed(): number {
    return performance.now() - this.#started;
  }

  change(by: Partial<RunProgress>): void {
    for (const [name, number] of Object.entries(by)) this.figures[name as keyof RunProgress] += number;
    this.#timer ??= setTimeout(() => this.end(), TOLD_MS);
  }

  count({ status, trained, reward, success }: IndexEntry): void {
    this.change({
      [status]: 1, trained,
      ...(reward !== null && { rewards: 1, rewardSum: reward, rewardSquares: reward ** 2 }),
      ...(success !== null && { judgedSuccess: 1, successes: Number(success) }),
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events.emit({ type: 'progress', progress: { ...this.figures }, elapsed: this.elapsed });
  }
}

export function emptyProgress(): RunProgress {
  return {
    planned: 0, running: 0, finished: 0, failed: 0, cancelled: 0, held: 0, calls: 0, prompt: 0, sampled: 0, trained: 0,
    rewards: 0, rewardSum: 0, rewardSquares: 0, successes: 0, judgedSuccess: 0,
  };
}
