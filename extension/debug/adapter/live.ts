/** A run that goes on at the backbone: its rollouts are the threads. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { CallDecision, RunEvent } from '../../../runtime/protocol/backbone.ts';
import type { ForkPoint, RolloutLaunch } from '../../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { Stopped, StopPoint } from '../../../runtime/protocol/stops.ts';
import { openRunReader, type RunReader } from '../../../runtime/trace/index.ts';
import { ConsoleOutput } from './console.ts';
import type { Asked, Debuggee, Tell, Way } from './debuggee.ts';
import { l10n } from './l10n.ts';
import { liveMoment, withoutTokens, type Edits, type Moment } from './moment.ts';
import { pointText } from './point-text.ts';
import type { Runs } from './runs.ts';
import { stopLabel, stopText } from './stop-text.ts';
import { tokenWords } from './token-words.ts';
import { isFilter } from './stop-points.ts';
import { number, threadName } from './words.ts';

interface Thread {
  id: number;
  name: string;
  rollout: string;
  of: FollowedRun;
  stop?: Stopped;
  edits: Edits;
  /** Why it will stand still next, if no stop point asks for it. */
  wanted?: 'pause' | 'step' | 'breakpoint';
}

interface FollowedRun {
  run: string;
  dir: string;
  console: ConsoleOutput;
  ended: boolean;
  threads: Map<string, Thread>;
  reader?: Promise<RunReader>;
  /** For forks: the rollout they come from. */
  fork?: ForkPoint & { parent: string; rewards: (number | null)[] };
}

export class LiveRun implements Debuggee {
  readonly #launch: RolloutLaunch;
  readonly #runs: Promise<Runs>;
  readonly #tell: Tell;
  readonly #threads = new Map<number, Thread>();
  #followed: FollowedRun[] = [];
  #nextThread = 1;
  /** Counts restarts: what an earlier run still tells is not passed on. */
  #generation = 0;
  #over = false;

  constructor(launch: RolloutLaunch, runs: Promise<Runs>, tell: Tell) {
    this.#launch = launch;
    this.#runs = runs;
    this.#tell = tell;
    void runs.then((connected) => connected.closed.then(() => this.#lost()), () => {});
  }

  async start(stops: StopPoint[]): Promise<{ run: string; dir: string }> {
    const { conf, project, cwd = project, env = {}, task, tasks, repeats = 1, replay, test, noDebug = false, ...rest } = this.#launch;
    const { workflow, split, concurrency, model, train, temperature, seed, stopOnEntry } = rest;
    return this.#follow({
      kind: test !== undefined ? 'test' : replay === undefined ? 'rollout' : 'replay', conf, workflow, cwd, env, split, concurrency, workers: 1, model, train, temperature, seed, stopOnEntry,
      inspect: !noDebug, ...(stops.length > 0 && !noDebug && { stops }),
      ...(test !== undefined ? { test: { files: [test] } } : replay === undefined ? { repeats, tasks: task === undefined ? { first: tasks ?? 1 } : { ids: [task] } } : { replay }),
    }, replay?.forks ?? repeats, replay === undefined || replay.forks === 0 ? undefined : { parent: replay.rollout, call: replay.untilCall ?? 0, token: replay.untilToken, rewards: [] });
  }

  async setStops(stops: StopPoint[]): Promise<void> {
    const [main] = this.#followed;
    if (main !== undefined && !main.ended) await (await this.#runs).request('setStops', { run: main.run, stops });
  }

  threads(): DebugProtocol.Thread[] {
    return [...this.#threads.values()].map(({ id, name }) => ({ id, name }));
  }

  stop(threadId: number): Stopped | undefined {
    return this.#threads.get(threadId)?.stop;
  }

  async moment(threadId: number): Promise<Moment> {
    const { stop, of, rollout, edits } = this.#standing(threadId);
    const reader = await (of.reader ??= openRunReader(of.dir));
    const written = (await reader.inFlight()).find(({ place }) => place.rollout === rollout)
      ?? (reader.find(rollout) < 0 ? { calls: [], tools: [] } : await reader.read(rollout));
    return liveMoment({ dir: of.dir, stop, edits, words: await tokenWords(of.dir, reader.info) }, written);
  }

  async go(threadId: number, way: Way, asked?: Asked): Promise<void> {
    const thread = this.#standing(threadId);
    const { stop, edits, of, rollout } = thread;
    if (way === 'stepBack' || way === 'reverseContinue') throw new TuningForkError('usage', l10n.t('A rollout that goes on can\'t be walked back.'), { next: l10n.t('Fork it from an earlier turn, or walk through it once it has ended.') });
    const edited = stop.call !== undefined && (edits.messages !== undefined || edits.sampling !== undefined);
    const into = way === 'stepIn' && this.#attached && !edited && (stop.call ?? stop.answered ?? stop.tool) !== undefined;
    const decision: CallDecision | undefined = asked?.decision ?? (edited ? { do: 'edit', ...edits } : into ? { do: 'go', into } : undefined);
    const step = way === 'next' || (way === 'stepIn' && !into);
    const runs = await this.#runs;
    this.#known(threadId).stop = undefined;
    thread.edits = {};
    thread.wanted = step ? 'step' : undefined;
    // Before it is: it may stand still again before the answer is here.
    this.#tell('tuningFork/released', { threadId, rollout });
    if (asked !== undefined) this.#tell('continued', { threadId, allThreadsContinued: false });
    try {
      await runs.request('release', { run: of.run, rollout, decision, step });
    } catch (error) {
      thread.edits = edits;
      this.#held(thread, stop);
      throw error;
    }
  }

  async pause(threadId: number): Promise<void> {
    const thread = this.#known(threadId);
    if (thread.stop !== undefined) return;
    thread.wanted = 'pause';
    await (await this.#runs).request('hold', { run: thread.of.run, rollout: thread.rollout });
  }

  async cancel(threadId: number): Promise<void> {
    const { of, rollout } = this.#known(threadId);
    await (await this.#runs).request('cancel', { run: of.run, rollout });
  }

  place(threadId: number): { dir: string; rollout: string } {
    const { of: { dir }, rollout } = this.#known(threadId);
    return { dir, rollout };
  }

  async fork(threadId: number, { call, token }: ForkPoint, forks: number): Promise<{ run: string; dir: string }> {
    const { of, rollout } = this.#known(threadId);
    const { conf, workflow, project, cwd = project, env = {} } = this.#launch;
    // Neither under a debugger nor with stops: what is asked for is where they lead to.
    return this.#follow({ kind: 'replay', conf, workflow, cwd, env, workers: 1, replay: { dir: of.dir, rollout, untilCall: call, untilToken: token, forks } }, forks, { parent: rollout, call, token, rewards: [] });
  }

  async restart(stops: StopPoint[]): Promise<void> {
    this.#generation++;
    const before = this.#followed;
    this.#followed = [];
    for (const { id } of this.#threads.values()) this.#exit(id);
    await Promise.all([this.#cancel(before), this.start(stops)]);
  }

  async end(): Promise<void> {
    await this.#cancel(this.#followed);
    this.#finish();
  }

  async #cancel(followed: readonly FollowedRun[]): Promise<void> {
    const runs = await this.#runs;
    await Promise.all(followed.filter(({ ended }) => !ended).map(({ run }) => runs.request('cancel', { run }).catch(() => null)));
  }

  async #follow(request: Parameters<Runs['start']>[0], groupSize: number, fork: FollowedRun['fork']): Promise<{ run: string; dir: string }> {
    const generation = this.#generation;
    const followed: FollowedRun = { run: '', dir: '', ended: false, threads: new Map(), console: new ConsoleOutput(this.#tell, groupSize), fork };
    const early: RunEvent[] = [];
    const receive = (event: RunEvent): void => {
      if (generation !== this.#generation) return;
      if (followed.run === '') early.push(event);
      else this.#receive(followed, event);
    };
    const runs = await this.#runs;
    const { run, dir } = await runs.start(request, receive);
    if (generation !== this.#generation || this.#over) {
      await runs.request('cancel', { run }).catch(() => null);
      return { run, dir };
    }
    Object.assign(followed, { run, dir });
    this.#followed.push(followed);
    this.#tell('tuningFork/run', { run, dir });
    for (const event of early) this.#receive(followed, event);
    return { run, dir };
  }

  #receive(of: FollowedRun, event: RunEvent): void {
    switch (event.type) {
      case 'inspector': return this.#tell('tuningFork/inspector', { url: event.url, pid: event.pid });
      case 'rollout-started': return void this.#thread(of, event.rollout, event);
      case 'held': return this.#held(this.#thread(of, event.stop.rollout, event.stop), event.stop);
      case 'released': return this.#released(of.threads.get(event.rollout));
      case 'rollout-finished': {
        of.fork?.rewards.push(event.entry.reward);
        const thread = of.threads.get(event.entry.id);
        if (thread !== undefined) this.#exit(thread.id);
        return of.console.rollout({ entry: event.entry, error: event.error });
      }
      // js-debug shows what goes through `console` itself, with its values and lines.
      case 'log': return event.console === true && this.#attached ? undefined : of.console.log(event);
      case 'notice': return of.console.problem(event.notice, event.level === 'info' ? 'stdout' : 'stderr');
      case 'finished': return this.#finished(of, event);
    }
  }

  get #attached(): boolean {
    return this.#launch.noDebug !== true;
  }

  #thread(of: FollowedRun, rollout: string, { task, sample }: { task: string; sample: number }): Thread {
    const known = of.threads.get(rollout);
    if (known !== undefined) return known;
    const thread: Thread = {
      id: this.#nextThread++, rollout, of, edits: {}, name: threadName(rollout, task, sample, of.fork?.parent),
      ...(this.#launch.stopOnEntry === true && { wanted: 'breakpoint' }),
    };
    of.threads.set(rollout, thread);
    this.#threads.set(thread.id, thread);
    this.#tell('thread', { reason: 'started', threadId: thread.id });
    return thread;
  }

  #held(thread: Thread, stop: Stopped): void {
    thread.stop = stop;
    if (stop.reward != null) thread.name = threadName(stop.rollout, stop.task, stop.sample, thread.of.fork?.parent, stop.reward);
    const byFilter = stop.points.length > 0 && stop.points.every((id) => isFilter(id));
    // VS Code opens its view at a breakpoint, and at nothing else.
    const reason = stop.points.length === 0 ? thread.wanted ?? 'pause' : byFilter ? 'exception' : 'breakpoint';
    thread.wanted = undefined;
    this.#tell('stopped', {
      reason, threadId: thread.id, allThreadsStopped: false, description: stopLabel(stop), text: stopText(stop), ...(stop.points.length > 0 && { hitBreakpointIds: stop.points }),
    });
    this.#tell('tuningFork/stopped', { threadId: thread.id, stop: withoutTokens(stop) });
  }

  /** By somebody else; what we let go ourselves does not stand any more. */
  #released(thread: Thread | undefined): void {
    if (thread?.stop === undefined) return;
    delete thread.stop;
    this.#tell('continued', { threadId: thread.id, allThreadsContinued: false });
    this.#tell('tuningFork/released', { threadId: thread.id, rollout: thread.rollout });
  }

  #exit(threadId: number): void {
    const thread = this.#threads.get(threadId);
    if (thread === undefined) return;
    this.#threads.delete(threadId);
    thread.of.threads.delete(thread.rollout);
    this.#tell('thread', { reason: 'exited', threadId });
  }

  #finished(of: FollowedRun, { state, error }: Extract<RunEvent, { type: 'finished' }>): void {
    of.ended = true;
    of.console.flush();
    if (error !== undefined) of.console.problem(error);
    if (state === 'cancelled') of.console.line(l10n.t('Cancelled. Finished rollouts are kept in {0}.', of.dir));
    if (of.fork !== undefined) this.#forked(of, of.fork);
    if (this.#followed.every(({ ended }) => ended)) this.#finish();
  }

  #forked({ run, dir, console }: FollowedRun, { parent, rewards, ...from }: NonNullable<FollowedRun['fork']>): void {
    this.#tell('tuningFork/forked', { run, dir, parent, ...from, rewards });
    // A client may have taken an older list of threads after it heard that these ended: it asks again.
    const [left] = this.#threads.keys();
    if (left !== undefined) this.#tell('thread', { reason: 'started', threadId: left });
    const told = rewards.map((reward) => (reward === null ? '–' : number(reward))).join(', ');
    console.line(l10n.t('Forks of {0} from {1} reached these rewards: {2}', parent, pointText(from), told));
  }

  #lost(): void {
    if (this.#over) return;
    this.#tell('output', { category: 'stderr', output: `${l10n.t('The backbone is gone, and with it the rollouts that were going on. Finished ones are kept; start debugging again.')}\n` });
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#tell('terminated');
  }

  #known(threadId: number): Thread {
    const thread = this.#threads.get(threadId);
    if (thread === undefined) throw new TuningForkError('usage', l10n.t('This rollout has ended.'));
    return thread;
  }

  #standing(threadId: number): Thread & { stop: Stopped } {
    const thread = this.#known(threadId);
    if (thread.stop === undefined) throw new TuningForkError('usage', l10n.t('This rollout is running.'), { next: l10n.t('Pause it first.') });
    return thread as Thread & { stop: Stopped };
  }
}
