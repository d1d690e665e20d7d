/** A stored rollout that is walked through, forwards and backwards. Nothing runs. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { ForkPoint, RolloutLaunch } from '../../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { Stopped, StopPoint } from '../../../runtime/protocol/stops.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import type { Debuggee, Tell, Way } from './debuggee.ts';
import { l10n } from './l10n.ts';
import { matching } from './matching.ts';
import { storedMoments, withoutTokens, type Moment } from './moment.ts';
import { tokenWords } from './token-words.ts';
import { threadName } from './words.ts';

const THREAD = 1;

export class StoredRollout implements Debuggee {
  readonly #place: NonNullable<RolloutLaunch['inspect']>;
  readonly #tell: Tell;
  readonly #fork: (from: ForkPoint, forks: number) => Promise<{ run: string; dir: string }>;
  #moments: Moment[] = [];
  #at = 0;
  #stops: StopPoint[] = [];

  constructor(place: NonNullable<RolloutLaunch['inspect']>, tell: Tell, fork: (from: ForkPoint, forks: number) => Promise<{ run: string; dir: string }>) {
    this.#place = place;
    this.#tell = tell;
    this.#fork = fork;
  }

  async start(stops: StopPoint[]): Promise<void> {
    this.#stops = stops;
    const { dir, rollout } = this.#place;
    const reader = await openRunReader(dir);
    if (reader.find(rollout) < 0) {
      throw new TuningForkError('usage', l10n.t('There is no finished rollout {0} in {1}.', rollout, dir), { next: l10n.t('Choose one in the view "Runs".') });
    }
    const record = await reader.read(rollout);
    this.#moments = storedMoments(dir, record, await tokenWords(dir, reader.info));
    this.#at = 0;
    this.#tell('capabilities', { capabilities: { supportsStepBack: true } });
    this.#tell('thread', { reason: 'started', threadId: THREAD });
    this.#stopped('breakpoint');
  }

  async setStops(stops: StopPoint[]): Promise<void> {
    this.#stops = stops;
  }

  threads(): DebugProtocol.Thread[] {
    const stop = this.#moments.at(-1)?.stop;
    return stop === undefined ? [] : [{ id: THREAD, name: threadName(stop.rollout, stop.task, stop.sample, undefined, stop.reward) }];
  }

  stop(): Stopped | undefined {
    return this.#moments[this.#at]?.stop;
  }

  async moment(): Promise<Moment> {
    return this.#moments[this.#at]!;
  }

  async go(_threadId: number, way: Way): Promise<void> {
    const last = this.#moments.length - 1;
    if (this.#at === last && (way === 'continue' || way === 'next' || way === 'stepIn' || way === 'stepOut')) {
      this.#tell('terminated');
      return;
    }
    const one = way === 'next' || way === 'stepIn' ? 1 : way === 'stepBack' ? -1 : undefined;
    if (one !== undefined) {
      this.#at = Math.max(0, this.#at + one);
      return this.#stopped('step');
    }
    const direction = way === 'reverseContinue' ? -1 : 1;
    let at = this.#at + direction;
    while (at > 0 && at < last && (way === 'stepOut' || matching(this.#stops, this.#moments[at]!).length === 0)) at += direction;
    this.#at = Math.min(last, Math.max(0, at));
    const hit = matching(this.#stops, this.#moments[this.#at]!).map(({ id }) => id);
    this.#stopped(hit.length > 0 ? 'breakpoint' : 'step', hit);
  }

  async pause(): Promise<void> {}

  async cancel(): Promise<void> {
    await this.end();
  }

  place(): { dir: string; rollout: string } {
    return this.#place;
  }

  async fork(_threadId: number, from: ForkPoint, forks: number): Promise<{ run: string; dir: string }> {
    return this.#fork(from, forks);
  }

  async restart(): Promise<void> {
    this.#at = 0;
    this.#stopped('breakpoint');
  }

  async end(): Promise<void> {
    this.#tell('terminated');
  }

  #stopped(reason: string, hit: number[] = []): void {
    const { stop } = this.#moments[this.#at]!;
    this.#tell('stopped', {
      reason, threadId: THREAD, allThreadsStopped: true, description: l10n.t('{0} of {1}', this.#at + 1, this.#moments.length), ...(hit.length > 0 && { hitBreakpointIds: hit }),
    });
    this.#tell('tuningFork/stopped', { threadId: THREAD, stop: withoutTokens(stop) });
  }
}
