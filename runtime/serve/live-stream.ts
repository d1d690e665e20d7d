/** The server-sent events of an answer while it is being sampled. */
import { head, logprobsOf, usageOf, type Answered, type Chunk, type Told } from '../gateway/completion.ts';
import type { CallRequest } from '../gateway/request.ts';
import { DONE, event } from '../gateway/stream.ts';
import type { TokenPolicy, ToldToken } from '../policy/policy.ts';
import { completionId, type ServedCall } from './model.ts';
import { AnswerParts } from './parts.ts';

/** Tokens that no chunk has told yet. */
interface Untold {
  sampled: number[];
  logprobs: number[];
  top: { k: number; ids: number[]; logprobs: number[] };
}

export class LiveStream {
  readonly #policy: TokenPolicy;
  readonly #request: CallRequest;
  readonly #prompt: readonly number[];
  readonly #parts: AnswerParts;
  readonly #common: object;
  #begun = false;
  #untold: Untold = nothing();

  constructor(call: ServedCall, policy: TokenPolicy) {
    const { request, prompt } = call;
    this.#policy = policy;
    this.#request = request;
    this.#prompt = prompt.ids;
    this.#parts = new AnswerParts({ policy, prompt: prompt.text, tools: request.tools !== undefined && request.toolChoice !== 'none', stop: request.sampling.stop ?? [] });
    this.#common = head({ record: { id: completionId(call), policy: policy.label }, created: Math.floor(Date.now() / 1_000) }, { model: policy.label }, 'chat.completion.chunk');
  }

  push(id: number, logprob: number, told: ToldToken | undefined): string {
    const { sampled, logprobs, top } = this.#untold;
    sampled.push(id);
    logprobs.push(logprob === 0 ? 0 : logprob); // never -0
    if (told?.top !== undefined) {
      top.k = told.top.ids.length;
      top.ids.push(...told.top.ids);
      top.logprobs.push(...told.top.logprobs);
    }
    return this.#deltas(this.#parts.push(id));
  }

  /** The rest: what was held back, the tool calls, why it ended. */
  end({ record }: Answered<Told>): string {
    const { reply, finish, malformed } = record;
    const calls = (reply.tool_calls ?? []).map((call, index) => ({ tool_calls: [{ index, ...call }] }));
    const last = this.#chunk(malformed === undefined ? {} : { malformed }, finish);
    const usage = this.#request.includeUsage ? event({ ...this.#common, choices: [], usage: usageOf(record) }) : '';
    return this.#deltas([...this.#parts.end(reply), ...calls]) + this.#begin() + last + usage + DONE;
  }

  #deltas(deltas: readonly Chunk['delta'][]): string {
    return deltas.length === 0 ? '' : this.#begin() + deltas.map((delta) => this.#chunk(delta, null)).join('');
  }

  #begin(): string {
    if (this.#begun) return '';
    this.#begun = true;
    return this.#event({ delta: { role: 'assistant', content: '' }, finish_reason: null }, this.#request.returnTokenIds ? { prompt_token_ids: this.#prompt } : {});
  }

  /** Tells the tokens sampled since the chunk before. */
  #chunk(delta: Chunk['delta'], finish: Chunk['finish_reason']): string {
    const { sampled, logprobs, top } = this.#untold;
    this.#untold = nothing();
    const chunk: Chunk = { delta, finish_reason: finish };
    if (this.#request.logprobs) {
      const tokens = { sampled, logprobs, ...(top.k > 0 && { top }) };
      chunk.logprobs = logprobsOf({ record: { tokens }, tokenizer: this.#policy.tokenizer }, this.#request);
    }
    if (this.#request.returnTokenIds) chunk.token_ids = sampled;
    return this.#event(chunk);
  }

  #event(chunk: Chunk, more: object = {}): string {
    return event({ ...this.#common, ...more, choices: [{ index: 0, ...chunk }], ...(this.#request.includeUsage && { usage: null }) });
  }
}

function nothing(): Untold {
  return { sampled: [], logprobs: [], top: { k: 0, ids: [], logprobs: [] } };
}
