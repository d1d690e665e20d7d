/** The rollouts a controller has asked for: each is told of its end once, and of its grade after that. */
import { inspect } from 'node:util';
import { postWithRetry } from './callbacks.ts';
import type { LocalBackend, Ran } from './backend.ts';
import type { ErrorCategory, GraderComplete, InitRequest, RolloutComplete, RolloutState, WireSample } from './protocol.ts';

interface Rollout {
  id: string;
  state: RolloutState;
  reward: number | null;
  error: string | null;
  abort: AbortController;
  over: Promise<void>;
}

/** Asked for again and again while it matters, and then forgotten. */
const REMEMBERED = 10_000;

class TooLate extends Error {}
class Cancelled extends Error {}

export class Rollouts {
  readonly #backend: LocalBackend;
  readonly #known = new Map<string, Rollout>();
  readonly #onLost: (error: Error) => void;
  readonly #firstWait: number | undefined;
  readonly #closed = new AbortController();

  constructor(backend: LocalBackend, onLost: (error: Error) => void, firstWait?: number) {
    this.#backend = backend;
    this.#onLost = onLost;
    this.#firstWait = firstWait;
  }

  get(id: string): { rollout_id: string; status: RolloutState | 'unknown'; reward: number | null; err_message: string | null } {
    const { state = 'unknown', reward = null, error = null } = this.#known.get(id) ?? {};
    return { rollout_id: id, status: state, reward, err_message: error };
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  start(id: string, request: InitRequest): void {
    const rollout: Rollout = { id, state: 'queued', reward: null, error: null, abort: new AbortController(), over: Promise.resolve() };
    this.#known.set(id, rollout);
    for (const old of this.#known.values()) {
      if (this.#known.size <= REMEMBERED) break;
      if (isOver(old.state)) this.#known.delete(old.id);
    }
    rollout.over = this.#run(rollout, request).catch(this.#onLost);
  }

  cancel(wanted: { ids?: string[] | undefined; prefix?: string | undefined; all?: true | undefined }): Record<string, 'cancelled_queued' | 'cancelled_running' | 'not_found'> {
    const ids = wanted.ids ?? [...this.#known.values()].filter(({ id, state }) => !isOver(state) && (wanted.all === true || id.startsWith(wanted.prefix!))).map(({ id }) => id);
    return Object.fromEntries(ids.map((id) => {
      const rollout = this.#known.get(id);
      if (rollout === undefined || isOver(rollout.state)) return [id, 'not_found'];
      const was = rollout.state;
      rollout.abort.abort(new Cancelled('cancelled'));
      return [id, was === 'queued' ? 'cancelled_queued' : 'cancelled_running'];
    }));
  }

  /** Whatever has not ended by then is cancelled, and told so as long again. */
  async drain(milliseconds: number): Promise<void> {
    const cancel = setTimeout(() => void this.cancel({ all: true }), milliseconds);
    const leave = setTimeout(() => void this.#closed.abort(new Error('The server is closed.')), 2 * milliseconds);
    await Promise.all([...this.#known.values()].map(({ over }) => over));
    clearTimeout(cancel);
    clearTimeout(leave);
  }

  async #run(rollout: Rollout, request: InitRequest): Promise<void> {
    const { abort } = rollout;
    let ran: Ran | undefined;
    let complete: RolloutComplete = { status: 'success', rollout_id: rollout.id, extra_fields: request.extra_fields ?? {}, err_message: null, err_category: null };
    try {
      // Waiting for a place counts: a controller plans with the time from its question on.
      ran = await within(request.agent_timeout_sec, abort, this.#backend.run(rollout.id, request, abort.signal, () => void (rollout.state = 'running')));
      complete = { ...complete, extra_fields: { ...complete.extra_fields, ...ran.info } };
    } catch (error) {
      complete = { ...complete, status: error instanceof Cancelled ? 'cancelled' : 'failure', err_message: messageOf(error), err_category: categoryOf(error) };
    }
    const grades = ran !== undefined && this.#backend.grades && request.grader_callback_url !== undefined && request.grader_callback_url !== null && (hasValue(request.label) || hasValue(request.metadata));
    rollout.error = complete.err_message;
    rollout.state = grades ? 'grading' : complete.status;
    await this.#tell(request.completion_callback_url, request, complete);
    if (!grades || ran === undefined) return;

    const graded = await this.#grade(rollout, request, ran);
    rollout.reward = graded.sample?.reward ?? null;
    rollout.error = graded.err_message;
    rollout.state = graded.status;
    await this.#tell(request.grader_callback_url!, request, graded);
  }

  async #grade({ id, abort }: Rollout, request: InitRequest, { samples, metrics }: Ran): Promise<GraderComplete> {
    const [first] = Object.values(samples);
    const messages = first?.messages ?? [];
    const sample: WireSample = { messages, trajectory_messages: messages, label: request.label ?? null, reward: null, remove_sample: false, metrics, extra_fields: Object.keys(samples).length > 1 ? { samples } : {} };
    try {
      const reward = await within(request.grader_timeout_sec, abort, this.#backend.grade(request, samples, abort.signal));
      if (reward === undefined) throw new Error('The grader set no reward.');
      return { status: 'success', rollout_id: id, sample: { ...sample, reward }, err_message: null, err_category: null };
    } catch (error) {
      return { status: 'failure', rollout_id: id, sample, err_message: messageOf(error), err_category: categoryOf(error) };
    }
  }

  #tell(url: string, request: InitRequest, body: object): Promise<void> {
    return postWithRetry(url, request.controller_api_key ?? undefined, body, this.#closed.signal, this.#firstWait);
  }
}

/** User code can't be ended from outside; what it still does is passed over, and its model calls end. */
async function within<T>(seconds: number | null | undefined, abort: AbortController, work: Promise<T>): Promise<T> {
  let end!: () => void;
  const ended = new Promise<never>((_, reject) => void (end = () => reject(abort.signal.reason as Error)));
  if (abort.signal.aborted) end();
  else abort.signal.addEventListener('abort', end, { once: true });
  const timer = typeof seconds === 'number' ? setTimeout(() => abort.abort(new TooLate(`It took longer than ${seconds} s.`)), seconds * 1_000) : undefined;
  for (const promise of [work, ended]) promise.catch(() => {});
  try {
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    abort.signal.removeEventListener('abort', end);
  }
}

function categoryOf(error: unknown): ErrorCategory | null {
  if (error instanceof Cancelled) return null;
  if (error instanceof TooLate) return 'timeout';
  const { status, code } = (error ?? {}) as { status?: unknown; code?: unknown };
  return typeof status === 'number' || code === 'backbone' || code === 'policy' ? 'http_error' : 'agent_error';
}

/** User code may throw anything. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `It threw ${typeof error === 'string' ? error : inspect(error)}`;
}

function isOver(state: RolloutState): boolean {
  return state === 'success' || state === 'failure' || state === 'cancelled';
}

function hasValue(value: unknown): boolean {
  return value !== undefined && value !== null;
}
