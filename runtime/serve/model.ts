/** From a request to its answer: the way of a rollout's call, for clients that are no rollout. */
import { randomBytes } from 'node:crypto';
import { errorInfo, TuningForkError } from '../protocol/errors.ts';
import type { Call } from '../gateway/call.ts';
import type { Answered, Told } from '../gateway/completion.ts';
import { buildPrompt, turnText } from '../gateway/prompt.ts';
import type { CallRequest } from '../gateway/request.ts';
import { effectiveSampling, samplingKey } from '../gateway/sampling.ts';
import { withInstruction } from '../gateway/schema.ts';
import { sampled, type SampleOptions } from '../gateway/sources.ts';
import type { TokenPolicy } from '../policy/policy.ts';
import { ConversationMemory } from './memory.ts';

/** A call with the prompt that has been built for it. */
export type ServedCall = Call & { readonly prompt: NonNullable<Call['prompt']> };

export class ServedModel {
  readonly policy: TokenPolicy;
  readonly #memory: ConversationMemory;

  constructor(policy: TokenPolicy, memoryBytes: number) {
    this.policy = policy;
    this.#memory = new ConversationMemory(memoryBytes);
  }

  begin(request: CallRequest): ServedCall {
    const { policy } = this;
    const { conversations } = this.#memory;
    let history = this.#memory.read(request.messages);
    if (request.format !== undefined) history = conversations.withAdd(history, withInstruction(history.add, request.format));
    return {
      role: '', route: { policy, target: false, label: policy.label }, request, site: undefined, start: 0, tools: request.tools, history,
      // What a client leaves open is as it was in training, and as the OpenAI API has it.
      sampling: effectiveSampling('eval', { temperature: 1, topP: 1, topK: 0, maxTokens: policy.contextLength }, request.sampling),
      prompt: buildPrompt(policy, history, request.tools, conversations),
      key: randomBytes(8).readBigUInt64LE(), edited: undefined, partial: { ids: [], logprobs: [] },
    };
  }

  async answer(call: ServedCall, options: Pick<SampleOptions, 'signal' | 'onToken'>): Promise<Answered<Told>> {
    const { policy } = this;
    const { prompt, history, tools, request, key } = call;
    const outcome = await sampled(call, policy, {
      ...options, limit: policy.contextLength, top: request.topLogprobs, key: samplingKey(key, call.sampling, prompt.ids),
    }).catch((error: unknown) => {
      throw error instanceof TuningForkError ? error : new TuningForkError('policy', `${policy.label} failed: ${errorInfo(error).message}`, { cause: error });
    });
    const tokens = outcome.tokens!;
    this.#memory.record({
      asked: history.asked, from: history.from, add: history.add, reply: outcome.reply, tools,
      tokens: { from: prompt.from, tail: prompt.tail, sampled: tokens.sampled, text: turnText(policy, prompt, tokens.sampled) },
    });
    const { reply, finish, usage, malformed } = outcome;
    return {
      record: { id: completionId(call), policy: policy.label, reply, finish, usage, malformed, tokens },
      created: Math.floor(Date.now() / 1_000), tokenizer: policy.tokenizer, promptIds: () => prompt.ids,
    };
  }
}

export function completionId({ key }: Pick<Call, 'key'>): string {
  return `chatcmpl-${key.toString(36)}`;
}
