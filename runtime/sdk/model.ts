import { randomUUID } from 'node:crypto';
import type OpenAI from 'openai';
import type { APIPromise } from 'openai';
import type { ChatMessage, FinishReason, ToolCall, ToolChoice, ToolDefinition } from '../protocol/chat.ts';
import { TuningForkError, type ErrorCode } from '../protocol/errors.ts';
import { encodeStack, SITE_HEADER } from '../protocol/site.ts';
import { callSite, type CallSite } from './call-site.ts';
import { FrameworkModels, NEVER_MS } from './frameworks.ts';
import { gatewayFetch, postJson, type HttpAnswer } from './http.ts';
import { loadOpenAI } from './load.ts';
import { toChatMessage, type Msg } from './message.ts';

/** A model as an agent holds it, whoever answers: the policy in training, or a role's default model. */
export interface ChatModel extends Pick<FrameworkModels, keyof FrameworkModels> {
  readonly role: string;
  call(messages: readonly (Msg<unknown> | ChatMessage)[], options?: CallOptions): Promise<ChatReply>;
}

/** While a role is trained its sampling is the configuration's, whatever is asked for here. */
export interface CallOptions {
  tools?: readonly ToolDefinition[];
  toolChoice?: ToolChoice;
  temperature?: number;
  topP?: number;
  maxTokens?: number;
  stop?: readonly string[];
  seed?: number;
  signal?: AbortSignal;
}

export interface ChatReply {
  text: string;
  reasoning?: string;
  toolCalls: ToolCall[];
  finish: FinishReason;
  usage: { prompt: number; completion: number };
  /** The answer as it goes into the history, unchanged. */
  message: ChatMessage;
  /** Why a tool call in `text` could not be read. */
  malformed?: string;
}

/** Neutral on purpose: clients change what they send for names they know. */
export const MODEL_NAME = 'tuning-fork';

export interface Door {
  baseURL: string;
  apiKey: string;
  signal: AbortSignal;
  /** Resolves when the backbone knows the role. */
  ready: Promise<void> | undefined;
  /** A file of the project. */
  project?: string | undefined;
  /** A controller that isn't ours knows a call by these, and is told nothing of the code that makes it. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** A weight swap answers 429 when it takes longer than the gateway holds a call; so do busy providers. */
const MAX_ATTEMPTS = 5;
const MAX_WAIT_MS = 60_000;

/** A role's model behind the gateway. */
export class GatewayModel extends FrameworkModels implements ChatModel {
  readonly role: string;
  readonly model = MODEL_NAME;
  readonly fetch: typeof fetch;
  readonly #door: Door;
  #openai: OpenAI | undefined;

  constructor(role: string, door: Door) {
    super(door.project);
    this.role = role;
    this.#door = door;
    this.fetch = fetchThrough(door);
  }

  get baseURL(): string {
    return this.#door.baseURL;
  }

  get apiKey(): string {
    return this.#door.apiKey;
  }

  async call(messages: readonly (Msg<unknown> | ChatMessage)[], options: CallOptions = {}): Promise<ChatReply> {
    const site = callSite(GatewayModel.prototype.call);
    const signal = options.signal === undefined ? this.#door.signal : AbortSignal.any([options.signal, this.#door.signal]);
    if (this.#door.ready !== undefined) await this.#door.ready;
    signal.throwIfAborted();
    return readReply(await this.#post(requestBody(messages, options), site, signal), this.role, site);
  }

  async #post(body: object, site: CallSite, signal: AbortSignal): Promise<HttpAnswer> {
    const url = `${this.#door.baseURL}/chat/completions`;
    const headers = { authorization: `Bearer ${this.#door.apiKey}`, 'idempotency-key': randomUUID(), ...(this.#door.headers ?? siteHeader(site)) };
    for (let attempt = 1; ; attempt++) {
      let answer: HttpAnswer;
      try {
        answer = await postJson(url, headers, body, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        throw new TuningForkError('backbone', `The model of role "${this.role}" does not answer: ${(error as Error).message}`, {
          ...told(site), cause: error, next: 'Its backbone has probably ended; run the rollout again.',
        });
      }
      const busy = (answer.status === 429 || answer.status === 503) && answer.retryAfter !== undefined;
      if (!busy || attempt === MAX_ATTEMPTS) return answer;
      await wait(Math.min(answer.retryAfter! * 1000, MAX_WAIT_MS), signal);
    }
  }

  asOpenAI(): OpenAI {
    return (this.#openai ??= openaiClient(this.#door, this.fetch));
  }
}

function fetchThrough(door: Door): typeof fetch {
  return async function tunedFetch(input, init = {}) {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    if (!headers.has(SITE_HEADER)) for (const [name, value] of Object.entries(siteHeader(callSite(tunedFetch)))) headers.set(name, value);
    if (door.headers !== undefined) headers.delete(SITE_HEADER);
    for (const [name, value] of Object.entries(door.headers ?? {})) headers.set(name, value);
    if (door.ready !== undefined) await door.ready;
    return gatewayFetch(input, { ...init, headers, signal: AbortSignal.any([door.signal, ...(init.signal ? [init.signal] : [])]) });
  };
}

function openaiClient(door: Door, fetch: typeof globalThis.fetch): OpenAI {
  const { OpenAI } = loadOpenAI();
  const sites = new WeakMap<object, Record<string, string>>();
  class TunedOpenAI extends OpenAI {
    protected override idempotencyHeader = 'idempotency-key';

    // Still synchronous under `chat.completions.create`: one step later the stack no longer tells who called.
    override request<Rsp>(...[options, remainingRetries]: Parameters<OpenAI['request']>): APIPromise<Rsp> {
      const site = siteHeader(callSite(this.request));
      const known = Promise.all([options, door.ready]).then(([request]) => {
        sites.set(request, site);
        return request;
      });
      return super.request<Rsp>(known, remainingRetries);
    }

    protected override async prepareRequest(request: RequestInit, { options }: { options: object }): Promise<void> {
      for (const [name, value] of Object.entries(sites.get(options) ?? {})) (request.headers as Headers).set(name, value);
    }
  }
  return new TunedOpenAI({
    baseURL: door.baseURL, apiKey: door.apiKey, timeout: NEVER_MS, organization: null, project: null, fetch,
  });
}

function siteHeader({ stack }: CallSite): Record<string, string> {
  return stack.length === 0 ? {} : { [SITE_HEADER]: encodeStack(stack) };
}

function told({ place, frames }: CallSite): { where?: CallSite['place']; stack?: string } {
  return place === undefined ? {} : { where: place, stack: `TuningForkError\n${frames}` };
}

function requestBody(messages: readonly (Msg<unknown> | ChatMessage)[], options: CallOptions): object {
  return {
    model: MODEL_NAME,
    messages: messages.map((message) => wireMessage(toChatMessage(message))),
    ...(options.tools !== undefined && options.tools.length > 0 && { tools: options.tools, tool_choice: options.toolChoice }),
    temperature: options.temperature,
    top_p: options.topP,
    max_tokens: options.maxTokens,
    stop: options.stop,
    seed: options.seed,
  };
}

function wireMessage({ reasoning, ...message }: ChatMessage): object {
  return reasoning === undefined ? message : { ...message, reasoning_content: reasoning };
}

/** The part of an OpenAI answer that is read. */
interface Completion {
  choices: [{
    message: { content: string | null; reasoning_content?: string; tool_calls?: ToolCall[]; malformed?: string };
    finish_reason: FinishReason;
  }];
  usage?: { prompt_tokens: number; completion_tokens: number };
}

function readReply(answer: HttpAnswer, role: string, site: CallSite): ChatReply {
  if (answer.status !== 200) throw callError(answer, role, site);
  const { choices: [{ message, finish_reason: finish }], usage } = JSON.parse(answer.text) as Completion;
  const text = message.content ?? '';
  const toolCalls = message.tool_calls ?? [];
  const reasoning = message.reasoning_content;
  return {
    text, toolCalls, finish,
    ...(reasoning !== undefined && { reasoning }),
    usage: { prompt: usage?.prompt_tokens ?? 0, completion: usage?.completion_tokens ?? 0 },
    message: {
      role: 'assistant', content: text,
      ...(reasoning !== undefined && { reasoning }),
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    },
    ...(message.malformed !== undefined && { malformed: message.malformed }),
  };
}

function callError(answer: HttpAnswer, role: string, site: CallSite): TuningForkError {
  let error: { message?: string; code?: string | null } = {};
  try {
    error = (JSON.parse(answer.text) as { error?: typeof error }).error ?? {};
  } catch {
    // Not the gateway's own words; the status and the text have to do.
  }
  const message = error.message ?? `The model of role "${role}" answered with status ${answer.status}: ${answer.text.slice(0, 200)}`;
  return new TuningForkError(errorCode(error.code, answer.status), message, told(site));
}

const ownCodes: ReadonlySet<string> = new Set<ErrorCode>([
  'config', 'usage', 'workflow', 'policy', 'model-request', 'context-length', 'non-finite', 'provider', 'auth', 'diverged', 'trace',
  'rollout-cancelled', 'rollout-timeout', 'backbone', 'not-here-yet', 'internal',
]);

function errorCode(code: string | null | undefined, status: number): ErrorCode {
  if (code === 'context_length_exceeded') return 'context-length';
  if (typeof code === 'string' && ownCodes.has(code)) return code as ErrorCode;
  return status < 500 ? 'model-request' : 'provider';
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
