/** The debug adapter: DAP requests on one side, what is debugged on the other. */
import { DebugSession } from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DebugRequests, ForkPoint, RolloutLaunch } from '../../../runtime/protocol/debug.ts';
import { errorInfo, TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { StopPoint } from '../../../runtime/protocol/stops.ts';
import { withoutLinks } from '../../without-links.ts';
import type { Asked, Debuggee, Tell, Way } from './debuggee.ts';
import { evaluate, help, replCommand, ROOTS } from './evaluate.ts';
import { framesOf, sourceOf, type Frame } from './frames.ts';
import { l10n } from './l10n.ts';
import { checkLaunch } from './launch.ts';
import { LiveRun } from './live.ts';
import type { Moment } from './moment.ts';
import { childrenOf, Handles } from './nodes.ts';
import { pointText } from './point-text.ts';
import type { ConnectRuns, Runs } from './runs.ts';
import { scopesOf } from './scopes.ts';
import { stopText } from './stop-text.ts';
import { askedFilters, exceptionFilters, filterLabel, filterStops, functionStops } from './stop-points.ts';
import { StoredRollout } from './stored.ts';

interface KnownFrame {
  threadId: number;
  frame: Frame;
  moment: Moment;
}

const CAPABILITIES: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsExceptionFilterOptions: true,
  supportsExceptionInfoRequest: true,
  supportsEvaluateForHovers: true,
  supportsCompletionsRequest: true,
  supportsSetVariable: true,
  supportsRestartFrame: true,
  supportsRestartRequest: true,
  supportsTerminateRequest: true,
  supportsTerminateThreadsRequest: true,
  supportsSingleThreadExecutionRequests: true,
  supportsDelayedStackTraceLoading: true,
  supportsANSIStyling: true,
};

type Answer<R extends DebugProtocol.Response> = R['body'] | void;

export class RolloutSession extends DebugSession {
  readonly #connect: ConnectRuns;
  readonly #configured = signal();
  readonly #handles = new Handles();
  readonly #frames = new Map<number, KnownFrame>();
  #nextFrame = 1;
  #functionStops: StopPoint[] = [];
  #filterStops: StopPoint[] = [];
  readonly #mistakesTold = new Set<string>();
  #runs: Promise<Runs> | undefined;
  #launch: RolloutLaunch | undefined;
  #debuggee: Debuggee | undefined;

  constructor(connect: ConnectRuns) {
    super();
    this.#connect = connect;
  }

  override dispose(): void {
    void this.#runs?.then((runs) => runs.close(), () => {});
    super.dispose();
  }

  protected override initializeRequest(response: DebugProtocol.InitializeResponse): void {
    response.body = { ...CAPABILITIES, exceptionBreakpointFilters: exceptionFilters() };
    this.sendResponse(response);
    this.#tell('initialized');
  }

  protected override launchRequest(response: DebugProtocol.LaunchResponse, args: DebugProtocol.LaunchRequestArguments): void {
    this.#answer(response, async () => {
      const launch = checkLaunch(args);
      this.#launch = launch;
      // What takes long begins while the client still sends breakpoints.
      if (launch.inspect === undefined) void this.#connected().catch(() => {});
      await this.#configured.promise;
      this.#debuggee = launch.inspect === undefined
        ? new LiveRun(launch, this.#connected(), this.#tell)
        : new StoredRollout(launch.inspect, this.#tell, (from, forks) => this.#forkStored(launch, from, forks));
      await this.#debuggee.start(this.#stops);
    });
  }

  protected override configurationDoneRequest(response: DebugProtocol.ConfigurationDoneResponse): void {
    this.sendResponse(response);
    this.#configured.resolve();
  }

  /** Lines of code are js-debug's. */
  protected override setBreakPointsRequest(response: DebugProtocol.SetBreakpointsResponse, { breakpoints = [] }: DebugProtocol.SetBreakpointsArguments): void {
    response.body = { breakpoints: breakpoints.map(() => ({ verified: false })) };
    this.sendResponse(response);
  }

  protected override setFunctionBreakPointsRequest(response: DebugProtocol.SetFunctionBreakpointsResponse, args: DebugProtocol.SetFunctionBreakpointsArguments): void {
    this.#answer(response, async () => {
      const { points, breakpoints } = functionStops(args.breakpoints);
      this.#functionStops = points;
      this.#tellMistakes(args.breakpoints.map(({ name }) => name), breakpoints);
      await this.#debuggee?.setStops(this.#stops);
      return { breakpoints };
    });
  }

  protected override setExceptionBreakPointsRequest(response: DebugProtocol.SetExceptionBreakpointsResponse, args: DebugProtocol.SetExceptionBreakpointsArguments): void {
    this.#answer(response, async () => {
      const { points, breakpoints } = filterStops(args);
      this.#filterStops = points;
      this.#tellMistakes(askedFilters(args).map(({ filterId }) => filterLabel(filterId)), breakpoints);
      await this.#debuggee?.setStops(this.#stops);
      return { breakpoints };
    });
  }

  protected override threadsRequest(response: DebugProtocol.ThreadsResponse): void {
    response.body = { threads: this.#debuggee?.threads() ?? [] };
    this.sendResponse(response);
  }

  protected override stackTraceRequest(response: DebugProtocol.StackTraceResponse, { threadId, startFrame = 0, levels }: DebugProtocol.StackTraceArguments): void {
    this.#answer(response, async () => {
      const moment = await this.#need().moment(threadId);
      const all = framesOf(moment);
      const shown = all.slice(startFrame, levels === undefined || levels === 0 ? undefined : startFrame + levels);
      return {
        totalFrames: all.length,
        stackFrames: shown.map((frame): DebugProtocol.StackFrame => {
          const id = this.#nextFrame++;
          this.#frames.set(id, { threadId, frame, moment });
          return { id, name: frame.name, ...sourceOf(frame.place), presentationHint: frame.hint, canRestart: frame.canRestart };
        }),
      };
    });
  }

  protected override scopesRequest(response: DebugProtocol.ScopesResponse, { frameId }: DebugProtocol.ScopesArguments): void {
    this.#answer(response, async () => {
      const { threadId, frame, moment } = this.#frame(frameId);
      return {
        scopes: scopesOf(frame, moment).map(({ node, expensive = false }): DebugProtocol.Scope => ({
          name: node.name, variablesReference: this.#handles.reference(node, threadId), expensive,
        })),
      };
    });
  }

  protected override variablesRequest(response: DebugProtocol.VariablesResponse, { variablesReference, start, count, filter }: DebugProtocol.VariablesArguments): void {
    this.#answer(response, async () => {
      const held = this.#handles.get(variablesReference);
      // A client that asks for names only gets nothing of what has numbers.
      if (held === undefined || (filter === 'named' && held.node.paged !== undefined)) return { variables: [] };
      return { variables: childrenOf(held.node, start, count).map((node) => this.#handles.variable(node, held.owner)) };
    });
  }

  protected override setVariableRequest(response: DebugProtocol.SetVariableResponse, { variablesReference, name, value }: DebugProtocol.SetVariableArguments): void {
    this.#answer(response, async () => {
      const held = this.#handles.get(variablesReference);
      const node = held === undefined ? undefined : childrenOf(held.node).find((child) => child.name === name);
      if (held === undefined || node?.set === undefined) {
        throw new TuningForkError('usage', l10n.t('{0} can\'t be changed here.', name), { next: l10n.t('Messages and sampling can be changed while a rollout is held before a model call.') });
      }
      const { value: shown, type, variablesReference: reference } = this.#handles.variable(node.set(value), held.owner);
      return { value: shown, type, variablesReference: reference };
    });
  }

  protected override evaluateRequest(response: DebugProtocol.EvaluateResponse, { expression, frameId, context }: DebugProtocol.EvaluateArguments): void {
    this.#answer(response, async () => {
      const command = context === 'repl' ? replCommand(expression) : undefined;
      if (command?.do === 'help') return { result: help(), variablesReference: 0 };
      const { threadId, frame, moment } = this.#frame(frameId);
      if (command?.do === 'fork') {
        const call = command.call ?? frame.call;
        if (call === undefined) throw new TuningForkError('usage', l10n.t('There is no call to fork from.'), { next: l10n.t('Choose a frame of a turn, or name the call: fork(4, 0).') });
        const from = { call, token: command.token };
        const { dir } = await this.#need().fork(threadId, from, command.forks);
        return { result: l10n.t('Going on from {0}, as often as told: {1}. The traces are in {2}.', pointText(from), command.forks, dir), variablesReference: 0 };
      }
      const { value, type, variablesReference, indexedVariables } = this.#handles.variable(evaluate(expression, moment, frame.call), threadId);
      return { result: value, type, variablesReference, indexedVariables };
    });
  }

  protected override completionsRequest(response: DebugProtocol.CompletionsResponse, { text, column }: DebugProtocol.CompletionsArguments): void {
    const typed = /[A-Za-z_]\w*$/.exec(text.slice(0, column - 1))?.[0] ?? '';
    const whole = typed.length === column - 1;
    const targets = whole ? ['help', 'fork()', ...ROOTS].filter((label) => label.startsWith(typed)) : [];
    response.body = { targets: targets.map((label) => ({ label, start: column - 1 - typed.length, length: typed.length })) };
    this.sendResponse(response);
  }

  protected override exceptionInfoRequest(response: DebugProtocol.ExceptionInfoResponse, { threadId }: DebugProtocol.ExceptionInfoArguments): void {
    this.#answer(response, async () => {
      const stop = this.#need().stop(threadId);
      const error = stop?.error && l10n.inWords(stop.error);
      return {
        exceptionId: error?.code ?? stop?.on ?? '', breakMode: 'always' as const,
        description: [stop && stopText(stop), error?.next].filter(Boolean).join('\n'),
        ...(error !== undefined && { details: { message: error.message, typeName: error.code, stackTrace: error.stack } }),
      };
    });
  }

  protected override continueRequest(response: DebugProtocol.ContinueResponse, { threadId }: DebugProtocol.ContinueArguments): void {
    this.#answer(response, async () => {
      await this.#go(threadId, 'continue');
      return { allThreadsContinued: false };
    });
  }

  protected override nextRequest(response: DebugProtocol.NextResponse, { threadId }: DebugProtocol.NextArguments): void {
    this.#answer(response, () => this.#go(threadId, 'next'));
  }

  protected override stepInRequest(response: DebugProtocol.StepInResponse, { threadId }: DebugProtocol.StepInArguments): void {
    this.#answer(response, () => this.#go(threadId, 'stepIn'));
  }

  protected override stepOutRequest(response: DebugProtocol.StepOutResponse, { threadId }: DebugProtocol.StepOutArguments): void {
    this.#answer(response, () => this.#go(threadId, 'stepOut'));
  }

  protected override stepBackRequest(response: DebugProtocol.StepBackResponse, { threadId }: DebugProtocol.StepBackArguments): void {
    this.#answer(response, () => this.#go(threadId, 'stepBack'));
  }

  protected override reverseContinueRequest(response: DebugProtocol.ReverseContinueResponse, { threadId }: DebugProtocol.ReverseContinueArguments): void {
    this.#answer(response, () => this.#go(threadId, 'reverseContinue'));
  }

  protected override pauseRequest(response: DebugProtocol.PauseResponse, { threadId }: DebugProtocol.PauseArguments): void {
    this.#answer(response, () => this.#need().pause(threadId));
  }

  /** "Restart Frame": the rollout is executed again up to that call, and goes on once from there. */
  protected override restartFrameRequest(response: DebugProtocol.RestartFrameResponse, { frameId }: DebugProtocol.RestartFrameArguments): void {
    this.#answer(response, async () => {
      const { threadId, frame } = this.#frame(frameId);
      await this.#need().fork(threadId, { call: frame.call ?? 0 }, 1);
    });
  }

  protected override terminateThreadsRequest(response: DebugProtocol.TerminateThreadsResponse, { threadIds = [] }: DebugProtocol.TerminateThreadsArguments): void {
    this.#answer(response, async () => void await Promise.all(threadIds.map((id) => this.#need().cancel(id))));
  }

  protected override restartRequest(response: DebugProtocol.RestartResponse, { arguments: changed }: DebugProtocol.RestartArguments): void {
    this.#answer(response, async () => {
      if (changed !== undefined && this.#launch !== undefined) Object.assign(this.#launch, checkLaunch(changed as DebugProtocol.LaunchRequestArguments));
      this.#frames.clear();
      await this.#need().restart(this.#stops);
    });
  }

  protected override terminateRequest(response: DebugProtocol.TerminateResponse): void {
    this.#answer(response, async () => this.#debuggee?.end());
  }

  protected override disconnectRequest(response: DebugProtocol.DisconnectResponse, _args: DebugProtocol.DisconnectArguments): void {
    this.#answer(response, async () => {
      this.#configured.resolve();
      await this.#debuggee?.end();
      void this.#runs?.then((runs) => runs.close(), () => {});
    }).finally(() => this.shutdown());
  }

  protected override customRequest(command: string, response: DebugProtocol.Response, args: unknown): void {
    if (!Object.hasOwn(this.#custom, command)) return super.customRequest(command, response, args);
    this.#answer(response, () => this.#custom[command as keyof DebugRequests](args as never));
  }

  readonly #custom: { [K in keyof DebugRequests]: (args: DebugRequests[K][0]) => Promise<DebugRequests[K][1]> } = {
    'tuningFork/release': async ({ threadId, decision, step = false, into = false }) => {
      await this.#go(threadId, step ? 'next' : into ? 'stepIn' : 'continue', { decision });
      return null;
    },
    'tuningFork/stop': async ({ threadId }) => this.#need().stop(threadId) ?? null,
    'tuningFork/fork': ({ threadId, forks, ...from }) => this.#need().fork(threadId, from, forks),
    'tuningFork/rollout': async ({ threadId }) => this.#need().place(threadId),
    'tuningFork/frame': async ({ frameId }) => {
      const known = this.#frames.get(frameId);
      if (known === undefined) return null;
      const { frame, moment: { dir, stop } } = known;
      return { dir, rollout: stop.rollout, call: frame.call, ...(frame.kind === 'here' && stop.token !== undefined && { token: stop.token.index }) };
    },
  };

  get #stops(): StopPoint[] {
    return [...this.#functionStops, ...this.#filterStops];
  }

  /** Each once: what VS Code shows in a hover alone would be waited for in vain. */
  #tellMistakes(names: readonly string[], breakpoints: readonly DebugProtocol.Breakpoint[]): void {
    for (const [at, { verified, message }] of breakpoints.entries()) {
      const sentence = l10n.t('"{0}" holds nothing. {1}', names[at]!, message ?? '');
      if (verified || this.#mistakesTold.has(sentence)) continue;
      this.#mistakesTold.add(sentence);
      this.#tell('output', { category: 'stderr', output: `${sentence}\n` });
    }
  }

  #tell: Tell = (event, body) => this.sendEvent({ seq: 0, type: 'event', event, ...(body !== undefined && { body }) } as DebugProtocol.Event);

  #connected(): Promise<Runs> {
    return this.#runs ??= this.#connect(this.#launch!);
  }

  /** What a client has seen of a stop is gone with it. */
  async #go(threadId: number, way: Way, asked?: Asked): Promise<void> {
    this.#handles.forget(threadId);
    for (const [id, known] of this.#frames) if (known.threadId === threadId) this.#frames.delete(id);
    await this.#need().go(threadId, way, asked);
  }

  /** Of a stored rollout; the forks run on their own and only tell where they led to. */
  async #forkStored(launch: RolloutLaunch, { call, token }: ForkPoint, forks: number): Promise<{ run: string; dir: string }> {
    const { dir, rollout } = launch.inspect!;
    const forked = new LiveRun({ ...launch, noDebug: true, replay: { dir, rollout, untilCall: call, untilToken: token, forks } }, this.#connected(), (event, body) => {
      if (event === 'output' || event === 'tuningFork/forked') this.#tell(event, body);
    });
    return forked.start([]);
  }

  #need(): Debuggee {
    if (this.#debuggee === undefined) throw new TuningForkError('usage', l10n.t('Nothing is being debugged yet.'));
    return this.#debuggee;
  }

  #frame(frameId: number | undefined): KnownFrame {
    const known = frameId === undefined ? undefined : this.#frames.get(frameId);
    if (known === undefined) throw new TuningForkError('usage', l10n.t('No rollout is held there.'), { next: l10n.t('Pause a rollout and choose a frame of it.') });
    return known;
  }

  /** What is thrown becomes the response: our sentence, and the next step. */
  async #answer<R extends DebugProtocol.Response>(response: R, work: () => Promise<Answer<R>>): Promise<void> {
    try {
      const body = await work();
      if (body !== undefined) response.body = body;
      this.sendResponse(response);
    } catch (error) {
      const { code, message, next } = l10n.inWords(errorInfo(error));
      const quiet = response.command === 'evaluate' || response.command === 'tuningFork/stop';
      // Braces in it would be taken for variables.
      this.sendErrorResponse(response, { id: 1, format: '{_sentence}', variables: { _sentence: withoutLinks([message, next].filter(Boolean).join(' ')) }, showUser: !quiet && code !== 'rollout-cancelled' });
    }
  }
}

function signal(): { promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => void (resolve = done));
  return { promise, resolve };
}
