/** The tokens of the rollouts that were looked at last, where to begin in them, and what other weights say of them. */
import { TOKEN, type Scores, type Timeline, type ViewerEvent, type ViewerRequests } from '../../runtime/protocol/viewer.ts';
import type { Host } from '../shared/host.ts';

const KEPT = 6;

export class Timelines {
  readonly #host: Host<ViewerRequests, ViewerEvent>;
  readonly #known = new Map<string, Promise<Timeline>>();

  constructor(host: Host<ViewerRequests, ViewerEvent>) {
    this.#host = host;
  }

  of(rollout: string): Promise<Timeline> {
    const known = this.#known.get(rollout);
    if (known !== undefined) return known;
    const timeline = this.#host.request('timeline', { rollout });
    if (this.#known.size >= KEPT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(rollout, timeline);
    timeline.catch(() => this.#known.delete(rollout));
    return timeline;
  }

  /** They have grown. */
  forget(rollouts: readonly string[]): void {
    for (const rollout of rollouts) this.#known.delete(rollout);
  }

  /** One number a token. */
  async scores({ rollout, count, flags }: Timeline, checkpoint: string): Promise<Scores> {
    const scores = await this.#host.request('score', { rollout, checkpoint });
    if (scores.logprob.length === count) return scores;
    const logprob = new Float32Array(count).fill(NaN);
    let next = 0;
    for (let token = 0; token < count; token++) if ((flags[token]! & TOKEN.sampled) !== 0) logprob[token] = scores.logprob[next++] ?? NaN;
    return { ...scores, logprob };
  }
}

/** A token of a call's answer, else the first that was sampled. */
export function beginIn({ segments, calls, flags, count }: Timeline, call: number | undefined, token: number | undefined): number {
  // An answer that a branch cut in two begins with its first part.
  const own = segments.filter((segment) => segment.kind === 'answer' && segment.call === call);
  if (own.length > 0) return Math.min(own[0]!.from + (token ?? 0), own.at(-1)!.to - 1);
  if (token !== undefined) return token;
  // A call that waits for its answer: where its prompt ends.
  if (call !== undefined && !calls.some(({ index }) => index === call)) return Math.max(0, count - 1);
  return Math.max(0, flags.findIndex((flag) => (flag & TOKEN.sampled) !== 0));
}
