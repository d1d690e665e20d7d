import type { RunEvent, RunEventBody } from '../protocol/backbone.ts';
import { Redactor } from '../trace/redact.ts';

/** Enough for a client that comes late to see what happened; the rest is in the trace. */
const KEPT = 4_000;
/** What comes by the hundred. The rest tells a client that comes late what is going on, and is kept: a training's plan, its steps. */
const PASSING: ReadonlySet<string> = new Set<RunEventBody['type']>(['rollout-started', 'call', 'rollout-finished', 'requeued', 'held', 'released', 'log']);
/** Characters of user code's output among that. */
const KEPT_OUTPUT = 1 << 20;

/** The numbered events of one run. Progress is told as it comes and not kept: the next one says it all again. */
export class EventLog {
  #seq = 0;
  #kept: RunEvent[] = [];
  #output = 0;
  #passing = 0;
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #run: string;
  readonly #redactor: Redactor;
  #ended = false;

  /** `secrets` are shown to no client, whatever user code prints. */
  constructor(run: string, secrets: readonly string[]) {
    this.#run = run;
    this.#redactor = new Redactor(secrets);
  }

  get seq(): number {
    return this.#seq;
  }

  emit(body: RunEventBody): void {
    if (this.#ended) return;
    this.#ended = body.type === 'finished';
    const event = { ...this.#redactor.redact(body), run: this.#run, seq: ++this.#seq, time: Date.now() } as RunEvent;
    if (body.type !== 'progress') {
      this.#kept.push(event);
      if (body.type === 'log') this.#forgetOutput(body.text.length);
      if (isPassing(event) && ++this.#passing > KEPT * 1.25) this.#forgetPassing();
    }
    for (const listener of this.#listeners) listener(event);
  }

  /** As clients may see it. */
  redacted<T>(value: T): T {
    return this.#redactor.redact(value);
  }

  #forgetOutput(more: number): void {
    this.#output += more;
    if (this.#output <= KEPT_OUTPUT) return;
    this.#kept = this.#kept.filter(({ type }) => type !== 'log');
    this.#output = 0;
  }

  #forgetPassing(): void {
    let over = this.#kept.filter(isPassing).length - KEPT;
    this.#kept = this.#kept.filter((event) => !isPassing(event) || over-- <= 0);
    this.#passing = KEPT;
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    for (const event of this.#kept) if (event.seq > since) listener(event);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function isPassing(event: RunEvent): boolean {
  return PASSING.has(event.type) || (event.type === 'training' && event.event.type === 'phase');
}
