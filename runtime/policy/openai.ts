import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatMessage, FinishReason, ToolCall } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { ChatAnswer, ChatPolicy, ChatRequest } from './policy.ts';
import { isCloud, listModels } from './providers.ts';

export interface ChatPolicyOptions {
  baseURL: string;
  /** Empty where the server wants none. */
  apiKey: string;
  model: string;
  label?: string;
  headers?: Record<string, string>;
  /** Named in the error when the key is refused. */
  apiKeyEnv?: string;
  /** For one try. */
  timeoutMs?: number;
  /** Tries after the first. */
  retries?: number;
}

/** A model behind any OpenAI-compatible server, by plain HTTP. */
export function openChatPolicy(options: ChatPolicyOptions): ChatPolicy {
  return new HttpChatPolicy(options);
}

class HttpChatPolicy implements ChatPolicy {
  readonly kind = 'chat';
  readonly label: string;
  readonly #options: ChatPolicyOptions;
  readonly #url: string;
  readonly #closing = new AbortController();
  /** vLLM tells its own token ids and logprobs; other servers refuse to be asked, or answer with something else. */
  #tellsTokens: Promise<boolean> | undefined;
  /** Names a server told us it does not take. */
  readonly #refused = new Set<string>();

  constructor(options: ChatPolicyOptions) {
    this.#options = options;
    this.label = options.label ?? options.model;
    this.#url = `${options.baseURL.replace(/\/+$/, '')}/chat/completions`;
  }

  async complete(request: ChatRequest): Promise<ChatAnswer> {
    const signal = AbortSignal.any([this.#closing.signal, ...(request.signal ? [request.signal] : [])]);
    signal.throwIfAborted();
    const { baseURL, apiKey } = this.#options;
    this.#tellsTokens ??= isCloud(baseURL) ? Promise.resolve(false)
      : listModels(baseURL, { apiKey }).then((models) => models?.some((model) => model.owner === 'vllm') ?? false);
    const tellsTokens = await this.#tellsTokens;
    const response = await this.#send(request, tellsTokens, signal);
    return readAnswer(response, tellsTokens) ?? this.#fail(undefined, 'did not answer with a chat completion');
  }

  async close(): Promise<void> {
    this.#closing.abort(new TuningForkError('policy', 'The policy was closed before this call ended.'));
  }

  #body({ messages, tools, toolChoice, sampling, top }: ChatRequest, tellsTokens: boolean): Record<string, unknown> {
    const wanted: Record<string, unknown> = {
      model: this.#options.model,
      messages: messages.map(wireMessage),
      ...(tools && tools.length > 0 && { tools, ...(toolChoice !== undefined && { tool_choice: toolChoice }) }),
      temperature: sampling.temperature,
      top_p: sampling.topP,
      max_tokens: sampling.maxTokens,
      ...(sampling.stop && sampling.stop.length > 0 && { stop: sampling.stop }),
      ...(sampling.seed !== undefined && { seed: sampling.seed }),
      ...(tellsTokens && { logprobs: true, top_logprobs: top ?? 0, return_token_ids: true, ...(sampling.topK > 0 && { top_k: sampling.topK }) }),
    };
    for (const name of this.#refused) {
      if (name === 'max_tokens') wanted.max_completion_tokens = wanted.max_tokens;
      delete wanted[name];
    }
    return wanted;
  }

  async #send(request: ChatRequest, tellsTokens: boolean, signal: AbortSignal): Promise<unknown> {
    const { apiKey, headers, timeoutMs = 290_000, retries = 4 } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const timeout = AbortSignal.timeout(timeoutMs);
      let failure: Failure;
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }), ...headers },
          body: JSON.stringify(this.#body(request, tellsTokens)),
          signal: AbortSignal.any([signal, timeout]),
        });
        const text = await response.text();
        if (response.ok) return parse(text) ?? this.#fail(undefined, 'answered with something that is not JSON');
        failure = { status: response.status, ...readError(text), wait: retryAfter(response.headers) };
      } catch (error) {
        if (error instanceof TuningForkError) throw error;
        signal.throwIfAborted();
        failure = timeout.aborted ? { reason: `did not answer within ${Math.round(timeoutMs / 1000)} seconds`, network: 'timeout' } : { reason: 'cannot be reached', network: networkCause(error) };
      }
      if (this.#adapt(failure)) continue;
      if (attempt >= retries || !isPassing(failure)) this.#raise(failure);
      await sleep(Math.min(60_000, failure.wait ?? 500 * 2 ** attempt * (0.75 + Math.random() / 2)), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Reasoning models refuse `max_tokens`, and sampling they don't do: leave out what they name, from now on. */
  #adapt({ status, param, code }: Failure): boolean {
    if (status !== 400 || param === undefined || this.#refused.has(param)) return false;
    if (code !== 'unsupported_parameter' && code !== 'unsupported_value') return false;
    if (!['max_tokens', 'temperature', 'top_p', 'stop', 'seed'].includes(param)) return false;
    this.#refused.add(param);
    return true;
  }

  #raise(failure: Failure): never {
    const { status, reason, network, code } = failure;
    const { apiKeyEnv, baseURL, model } = this.#options;
    const server = displayed(baseURL);
    if (status === undefined) {
      const next = network === 'ECONNREFUSED' ? `Is the server at ${server} running?` : `Check the address ${server} and the connection.`;
      this.#fail(next, network === 'ECONNREFUSED' ? `refused the connection at ${server}` : `${reason}${network === undefined || network === 'timeout' ? '' : ` (${network})`}`);
    }
    const said = `answered ${status}${reason === '' ? '' : `: ${reason}`}`;
    if (code === 'context_length_exceeded') this.#fail('Shorten the conversation, or use a model with a longer context.', said, 'context-length');
    if (status === 401 || status === 403) this.#fail(apiKeyEnv ? `Set ${apiKeyEnv} to a valid key.` : 'Give a valid api key for this server.', said);
    if (status === 404) this.#fail(`Check the base URL ${server} and the model name "${model}".`, said);
    if (status === 429) this.#fail('Lower the concurrency, or wait for your quota.', said);
    this.#fail(status >= 500 ? 'Try again later; the fault is on the server\'s side.' : undefined, said);
  }

  #fail(next: string | undefined, what: string, code: 'provider' | 'context-length' = 'provider'): never {
    throw new TuningForkError(code, this.#withoutSecrets(`${this.label} ${what.replace(/[.\s]+$/, '')}.`), { next });
  }

  #withoutSecrets(text: string): string {
    const secrets = [this.#options.apiKey, ...Object.values(this.#options.headers ?? {})].filter((secret) => secret.length >= 4);
    return secrets.reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
  }
}

interface Failure {
  status?: number;
  reason: string;
  code?: string;
  param?: string;
  network?: string;
  /** Milliseconds the server asks to wait. */
  wait?: number;
}

/** Whether another try may succeed. */
function isPassing({ status, network, code }: Failure): boolean {
  if (status === undefined) return network !== undefined && /^(timeout|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|UND_ERR_\w+)$/.test(network);
  return (status === 408 || status === 409 || status === 429 || status >= 500) && code !== 'insufficient_quota';
}

/** Thinking is never sent back: most servers refuse it. */
function wireMessage(sent: ChatMessage): object {
  const message = { ...sent };
  delete message.reasoning;
  return message.content === '' && message.tool_calls && message.tool_calls.length > 0 ? { ...message, content: null } : message;
}

interface Completion {
  choices?: {
    message?: { content?: unknown; reasoning_content?: unknown; reasoning?: unknown; tool_calls?: unknown };
    finish_reason?: unknown;
    token_ids?: unknown;
    logprobs?: { content?: unknown } | null;
  }[];
  prompt_token_ids?: unknown;
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown };
}

function readAnswer(body: unknown, tellsTokens: boolean): ChatAnswer | undefined {
  const completion = body as Completion;
  const choice = Array.isArray(completion.choices) ? completion.choices[0] : undefined;
  if (!choice?.message) return undefined;
  const { content, reasoning_content, reasoning, tool_calls } = choice.message;
  const toolCalls = Array.isArray(tool_calls) ? tool_calls.map(readToolCall).filter((call) => call !== undefined) : [];
  const thought = [reasoning_content, reasoning].find((text) => typeof text === 'string' && text !== '') as string | undefined;
  return {
    content: contentText(content),
    ...(thought !== undefined && { reasoning: thought }),
    toolCalls,
    finish: finishReason(choice.finish_reason, toolCalls),
    usage: { prompt: count(completion.usage?.prompt_tokens), completion: count(completion.usage?.completion_tokens) },
    ...(tellsTokens && { tokens: readTokens(completion) }),
  };
}

function readToolCall(call: { id?: unknown; function?: { name?: unknown; arguments?: unknown } }): ToolCall | undefined {
  if (typeof call?.function?.name !== 'string') return undefined;
  const { name, arguments: args = '{}' } = call.function;
  return { id: typeof call.id === 'string' ? call.id : '', type: 'function', function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) } };
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return Array.isArray(content) ? content.map((part: { text?: unknown }) => typeof part?.text === 'string' ? part.text : '').join('') : '';
}

function finishReason(reason: unknown, toolCalls: readonly ToolCall[]): FinishReason {
  if (reason === 'length') return 'length';
  return toolCalls.length > 0 ? 'tool_calls' : 'stop';
}

/** The server's own ids, or nothing: what it left out is never made up. */
function readTokens({ prompt_token_ids: prompt, choices }: Completion): ChatAnswer['tokens'] {
  const { token_ids: sampled, logprobs } = choices![0]!;
  if (!areIds(prompt) || !areIds(sampled)) return undefined;
  const told = Array.isArray(logprobs?.content) ? logprobs.content.map((token: { logprob?: unknown }) => token?.logprob) : [];
  const whole = told.length === sampled.length && told.every((logprob) => typeof logprob === 'number' && Number.isFinite(logprob));
  return { prompt, sampled, ...(whole && { logprobs: told as number[] }) };
}

function areIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id) && (id as number) >= 0);
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function readError(text: string): { reason: string; code?: string; param?: string } {
  const body = parse(text) as { error?: unknown; message?: unknown; detail?: unknown } | undefined;
  const error = (body?.error ?? body) as { message?: unknown; code?: unknown; param?: unknown; detail?: unknown } | string | undefined;
  if (typeof error === 'string') return { reason: error };
  const reason = [error?.message, error?.detail].find((said) => typeof said === 'string') as string | undefined;
  return {
    reason: (reason ?? text).replaceAll(/\s+/g, ' ').trim().slice(0, 500),
    ...(typeof error?.code === 'string' && { code: error.code }),
    ...(typeof error?.param === 'string' && { param: error.param }),
  };
}

function retryAfter(headers: Headers): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const stated = headers.get('retry-after');
  if (stated === null) return undefined;
  const wait = Number.isFinite(Number(stated)) ? Number(stated) * 1000 : Date.parse(stated) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

/** The code of what happened below fetch, or its words. */
function networkCause(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (!(first instanceof Error)) return undefined;
  return 'code' in first && typeof first.code === 'string' ? first.code : first.message;
}

/** Without a password someone may have written into it. */
function displayed(baseURL: string): string {
  try {
    const { origin, pathname } = new URL(baseURL);
    return `${origin}${pathname}`;
  } catch {
    return 'the base URL';
  }
}
