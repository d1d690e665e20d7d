/** One attempt at one rollout: all its model calls, from a read request to a recorded answer. */
import type { CallDecision, PendingCall } from '../protocol/backbone.ts';
import type { ChatMessage, Sampling } from '../protocol/chat.ts';
import { errorInfo, TuningForkError, type ErrorInfo, type Place } from '../protocol/errors.ts';
import type { CallRecord, RolloutPlace } from '../protocol/trace.ts';
import { sampleKey } from '../policy/random.ts';
import { shown, type Call, type Outcome, type Route } from './call.ts';
import { RolloutClock } from './clock.ts';
import type { Answered } from './completion.ts';
import { ApiError } from './errors.ts';
import type { CallHooks } from './hooks.ts';
import { Ledger } from './ledger.ts';
import { buildPrompt, type Prompt } from './prompt.ts';
import { shownKey, type ReplaySource } from './replay.ts';
import type { CallRequest, ToolSet } from './request.ts';
import { Conversations } from './restore.ts';
import { effectiveSampling, samplingKey, type ConfiguredSampling } from './sampling.ts';
import { withInstruction } from './schema.ts';
import { completed, cutOff, forced, replayed, sampled } from './sources.ts';
import type { History } from './turn.ts';

export type { Route } from './call.ts';

export interface SessionOptions {
  place: RolloutPlace;
  attempt: number;
  /** Of the run; with the place it fixes what is sampled. */
  seed: number;
  mode: 'train' | 'eval';
  sampling: ConfiguredSampling;
  /** Alternatives of each sampled token that are kept in the record. */
  top?: number;
  /** Longest prompt plus answer, in tokens, where that is less than the model can hold. */
  maxModelLength?: number;
  /** The model is told of no tools. */
  withoutTools?: boolean;
  route(role: string): Route | Promise<Route>;
  clock?: RolloutClock;
  hooks?: CallHooks;
  replay?: ReplaySource;
  /** The journal. The answer is sent once this has resolved. */
  onCall(call: CallRecord): Promise<void> | void;
  /** A call that could not be answered; the agent was told and may go on. */
  onFailure?(role: string, error: ErrorInfo): void;
}

/** Forks of one rollout draw from different randomness: a fork stands for so many repetitions of a call. */
const FORK_STRIDE = 2 ** 20;

export class RolloutSession {
  readonly place: RolloutPlace;
  readonly attempt: number;
  readonly replay: ReplaySource | undefined;
  readonly clock: RolloutClock;
  /** Ends in `/attempt/<n>`; `/role/<role>/v1` follows. */
  readonly url: string;
  readonly apiKey: string;
  readonly #options: SessionOptions;
  readonly #conversations = new Conversations();
  readonly #ledger = new Ledger(this.#conversations);
  readonly #occurrences = new Map<bigint, number>();
  readonly #sampling = new Set<Call>();
  /** What a debugger changed for all later calls of a role. */
  readonly #keptSampling = new Map<string, Partial<Sampling>>();
  readonly #abort = new AbortController();
  /** Why no call is answered any more. */
  #ended: TuningForkError | undefined;

  constructor(options: SessionOptions, door: { url: string; apiKey: string }) {
    this.#options = options;
    this.place = options.place;
    this.attempt = options.attempt;
    this.replay = options.replay;
    this.clock = options.clock ?? new RolloutClock();
    this.url = door.url;
    this.apiKey = door.apiKey;
  }

  get calls(): readonly CallRecord[] {
    return this.#ledger.calls;
  }

  /** `stack`: the user code that makes it, innermost first, where that is known. */
  async call(role: string, request: CallRequest, stack: readonly Place[] = []): Promise<Answered> {
    try {
      return await this.#call(role, request, stack);
    } catch (error) {
      const info = errorInfo(error);
      if (!this.#abort.signal.aborted) this.#options.onFailure?.(role, { ...info, where: info.where ?? siteOf(stack) });
      throw error;
    }
  }

  /** The answer has reached the worker. */
  delivered(record: CallRecord): void {
    this.#ledger.delivered(record);
  }

  /** No call is answered from here on. Those being sampled are cut off, and recorded with what they had come to. */
  close(): CallRecord[] {
    if (this.#abort.signal.aborted) return this.#ledger.calls;
    for (const call of this.#sampling) this.#record(call, cutOff(call));
    this.#ended = gone(this.place.rollout, this.attempt);
    this.#abort.abort(this.#ended);
    return this.#ledger.close();
  }

  async #call(role: string, asked: CallRequest, stack: readonly Place[]): Promise<Answered> {
    this.#checkOpen();
    const start = this.clock.now();
    const routed = this.#options.route(role);
    const route = routed instanceof Promise ? await routed : routed;
    this.#checkOpen();
    const request = this.#options.withoutTools ? { ...asked, tools: undefined, toolChoice: undefined } : asked;
    const { tools } = request;
    let history = this.#conversations.read(request.messages, role);
    if (request.format !== undefined) history = this.#conversations.withAdd(history, withInstruction(history.add, request.format));
    const call: Call = {
      role, route, request, site: siteOf(stack), start, tools, history,
      sampling: { ...effectiveSampling(route.target ? this.#options.mode : 'eval', this.#options.sampling, request.sampling), ...this.#keptSampling.get(role) },
      prompt: this.#promptOf(route, history, tools),
      key: 0n, edited: undefined, partial: { ids: [], logprobs: [] },
    };
    const recorded = this.#recorded(call);
    const pending = this.#pending(call);
    const decision = await this.#wait(this.#options.hooks?.beforeCall?.(pending, stack));
    const outcome = recorded === undefined || decision?.do === 'edit' || decision?.do === 'answer' ? await this.#answer(call, decision) : this.#served(call, recorded);
    this.#checkOpen();
    const answered = this.#record(call, outcome);
    await this.#options.onCall(answered.record);
    await this.#wait(this.#options.hooks?.afterCall?.(pending, answered.record, stack));
    return answered;
  }

  /** In the record of a replay, as long as that reaches. */
  #recorded(call: Call): CallRecord | undefined {
    const { policy } = call.route;
    try {
      return this.replay?.take(call.role, shown(call), policy.kind === 'tokens' ? policy.tokenizer : undefined);
    } catch (error) {
      this.#ended = error as TuningForkError;
      throw error;
    }
  }

  #served(call: Call, recorded: CallRecord): Outcome {
    const replay = this.replay!;
    this.#drawKey(call);
    if (recorded.edited !== undefined) {
      this.#change(call, replay.messagesOf(recorded));
      call.edited = recorded.edited;
    }
    call.sampling = recorded.sampling;
    return replayed(call, recorded, () => replay.promptOf(recorded));
  }

  async #answer(call: Call, decision: CallDecision | undefined): Promise<Outcome> {
    // What follows from another answer than the recorded one is in no record.
    if (decision !== undefined && decision.do !== 'go') this.replay?.leave();
    if (decision?.do === 'edit') this.#edit(call, decision);
    this.#drawKey(call);
    if (decision?.do === 'answer') return forced(call, decision.reply, this.#conversations);
    const outcome = await this.#sample(call);
    if (call.edited !== undefined || this.#keptSampling.has(call.role) || this.replay !== undefined) outcome.why = 'intervened';
    return outcome;
  }

  async #sample(call: Call): Promise<Outcome> {
    const { policy, label } = call.route;
    const { signal } = this.#abort;
    this.#sampling.add(call);
    try {
      if (policy.kind === 'chat') return await completed(call, policy, signal, this.#conversations);
      return await sampled(call, policy, {
        key: samplingKey(call.key, call.sampling, call.prompt!.ids), signal,
        limit: Math.min(policy.contextLength, this.#options.maxModelLength ?? Infinity),
        top: Math.max(this.#options.top ?? 0, call.request.topLogprobs),
        beginning: call.edited === undefined ? this.replay?.beginning(call.role, shown(call)) : undefined,
      });
    } catch (error) {
      this.#checkOpen();
      if (error instanceof TuningForkError) throw error;
      throw new TuningForkError(policy.kind === 'tokens' ? 'policy' : 'provider', `${label} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      this.#sampling.delete(call);
    }
  }

  #edit(call: Call, decision: Extract<CallDecision, { do: 'edit' }>): void {
    call.edited = { asked: shownKey(call.role, shown(call)), kept: decision.keep ?? false };
    call.sampling = { ...call.sampling, ...decision.sampling };
    if (decision.keep === true && decision.sampling !== undefined) this.#keptSampling.set(call.role, { ...this.#keptSampling.get(call.role), ...decision.sampling });
    if (decision.messages !== undefined) this.#change(call, decision.messages);
  }

  /** Other messages for this call; in the chain of what the framework sends it stays where it was. */
  #change(call: Call, messages: readonly ChatMessage[]): void {
    call.history = { ...this.#conversations.read(messages, call.role), asked: call.history.asked };
    call.prompt = this.#promptOf(call.route, call.history, call.tools);
  }

  #promptOf(route: Route, history: History, tools: ToolSet | undefined): Prompt | undefined {
    return route.policy.kind === 'tokens' ? buildPrompt(route.policy, history, tools, this.#conversations) : undefined;
  }

  /** The same place in the run, role and prompt give the same key, whatever the timing. */
  #drawKey(call: Call): void {
    const { step, taskId, sample } = this.place;
    const parts = { seed: this.#options.seed, step, task: taskId, sample, role: call.role, prompt: call.prompt?.ids ?? JSON.stringify(call.history.messages) };
    const fork = (this.replay?.fork ?? 0) * FORK_STRIDE;
    const first = sampleKey({ ...parts, occurrence: fork });
    const occurrence = this.#occurrences.get(first) ?? 0;
    this.#occurrences.set(first, occurrence + 1);
    call.key = occurrence === 0 ? first : sampleKey({ ...parts, occurrence: fork + occurrence });
  }

  #record(call: Call, outcome: Outcome): Answered {
    return this.#ledger.record(call, outcome, this.clock.now() - call.start);
  }

  #pending({ role, site, history, sampling, prompt }: Call): PendingCall {
    return {
      rollout: this.place.rollout, role, index: this.calls.length, site, sampling,
      messages: history.messages as ChatMessage[],
      prompt: prompt && { ids: prompt.ids as number[], text: prompt.text },
    };
  }

  /** The rollout's time stands still while somebody else decides. */
  async #wait<T>(held: Promise<T> | undefined): Promise<T | undefined> {
    if (held === undefined) return undefined;
    const { signal } = this.#abort;
    const closed = Promise.withResolvers<never>();
    const onAbort = (): void => closed.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    const goOn = this.clock.hold();
    try {
      return await Promise.race([held, closed.promise]);
    } finally {
      goOn();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }
}

function siteOf([place]: readonly Place[]): Place | undefined {
  return place && { file: place.file, line: place.line!, column: place.column! };
}

export function gone(rollout: string, attempt: number): ApiError {
  return new ApiError(410, `Attempt ${attempt} of rollout ${rollout} is over, so its model calls are not answered any more.`, {
    next: 'Await everything your workflow starts before it returns.',
  });
}
