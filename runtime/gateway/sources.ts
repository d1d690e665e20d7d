/** The places an answer can come from: a policy, a provider, a debugger, a record, or a call that was cut off. */
import type { ChatMessage } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { CallRecord } from '../protocol/trace.ts';
import type { ChatPolicy, TokenPolicy, ToldToken } from '../policy/policy.ts';
import { checkSampled, readAnswer, StopWatch, unwanted } from './answer.ts';
import { mintToolCallId, type Call, type Outcome } from './call.ts';
import { contextOverflow } from './errors.ts';
import { rawText, writeReply } from './prompt.ts';
import type { Conversations } from './restore.ts';

/** A call that outlives so many steps is too long for the time that a swap waits. */
const MOST_SWAPS = 4;

export interface SampleOptions {
  key: bigint;
  /** Longest prompt plus answer. */
  limit: number;
  /** Alternatives to tell of each sampled token. */
  top: number;
  signal: AbortSignal;
  /** What its answer begins with already. */
  beginning?: { ids: readonly number[]; logprobs: readonly number[] };
  /** Each token as it is sampled. */
  onToken?(id: number, logprob: number, told?: ToldToken): void;
}

export async function sampled(call: Call, policy: TokenPolicy, options: SampleOptions): Promise<Outcome> {
  const { beginning = { ids: [], logprobs: [] } } = options;
  const kept = beginning.ids.length;
  const prompt = call.prompt!.ids;
  const whole = kept === 0 ? prompt : [...prompt, ...beginning.ids];
  if (whole.length >= options.limit) throw contextOverflow(options.limit, whole.length);
  call.sampling = { ...call.sampling, maxTokens: Math.min(call.sampling.maxTokens, options.limit - prompt.length) };
  const { stop } = call.sampling;
  const { partial } = call;
  const rest = await whileSwapped(() => {
    const watch = stop === undefined ? undefined : new StopWatch(policy.tokenizer, stop);
    beginning.ids.forEach((id) => watch?.push(id));
    partial.ids.splice(0, Infinity, ...beginning.ids);
    partial.logprobs.splice(0, Infinity, ...beginning.logprobs);
    return policy.sample({
      prompt: whole, sampling: kept === 0 ? call.sampling : { ...call.sampling, maxTokens: Math.max(1, call.sampling.maxTokens - kept) }, stopIds: policy.format.stopIds, key: options.key, top: options.top === 0 ? undefined : options.top, signal: options.signal,
      onToken: (id, logprob, told) => {
        partial.ids.push(id);
        partial.logprobs.push(logprob);
        options.onToken?.(id, logprob, told);
        return watch?.push(id);
      },
    });
  });
  checkSampled(rest, call.route.label);
  // Alternatives are told of all tokens of an answer or of none.
  const answer = kept === 0 ? rest : { ...rest, ids: [...beginning.ids, ...rest.ids], logprobs: [...beginning.logprobs, ...rest.logprobs], top: undefined };
  const { toolChoice, format } = call.request;
  return {
    ...readAnswer(policy, answer, { tools: call.tools, toolChoice, format, stop }, (index) => mintToolCallId(call, index)),
    version: answer.version,
    tokens: { sampled: answer.ids, logprobs: answer.logprobs, ...(answer.top !== undefined && { top: answer.top }) },
    usage: { prompt: prompt.length, completion: answer.ids.length, cached: answer.cached },
  };
}

/** While rollouts run ahead of a trainer, its weights may change under a call that takes long. It is made again with the new ones. */
async function whileSwapped<T>(sample: () => Promise<T>): Promise<T> {
  for (let times = 1; ; times++) {
    try {
      return await sample();
    } catch (error) {
      if (!(error instanceof TuningForkError) || error.code !== 'swapped' || times === MOST_SWAPS) throw error;
    }
  }
}

export async function completed(call: Call, policy: ChatPolicy, signal: AbortSignal, conversations: Conversations): Promise<Outcome> {
  const { request } = call;
  const answer = await policy.complete({
    messages: call.history.messages, tools: call.tools?.definitions, toolChoice: request.toolChoice,
    sampling: call.sampling, top: request.topLogprobs === 0 ? undefined : request.topLogprobs, signal,
  });
  // Some servers number the tool calls of each answer from 0, or leave their ids empty.
  const ownId = (id: string, index: number): string => (id === '' || conversations.hasToolCall(id) ? mintToolCallId(call, index) : id);
  const reply = replyOf(answer.content, answer.reasoning, answer.toolCalls.map((one, index) => ({ ...one, id: ownId(one.id, index) })));
  const { tokens } = answer;
  if (tokens?.logprobs !== undefined) checkSampled({ ids: tokens.sampled, logprobs: tokens.logprobs }, call.route.label);
  return {
    reply, finish: answer.finish, malformed: unwanted(reply, request), version: null,
    tokens: tokens && { sampled: tokens.sampled, ...(tokens.logprobs !== undefined && { logprobs: tokens.logprobs }) },
    toldPrompt: tokens?.prompt,
    usage: { ...answer.usage, cached: 0 },
  };
}

/** A debugger answers in the model's place. What it says is context from then on, and never trained. */
export function forced(call: Call, answer: ChatMessage, conversations: Conversations): Outcome {
  const { route: { policy }, prompt, history, tools } = call;
  const reply = replyOf(answer.content, answer.reasoning, answer.tool_calls?.map((one, index) => ({ ...one, id: mintToolCallId(call, index) })));
  const ids = policy.kind === 'tokens' && prompt !== undefined ? writeReply(policy, history, tools, prompt, reply, conversations) : undefined;
  return {
    reply, finish: reply.tool_calls === undefined ? 'stop' : 'tool_calls', malformed: unwanted(reply, call.request), version: null, why: 'intervened',
    tokens: ids && { sampled: ids },
    usage: { prompt: prompt?.ids.length ?? 0, completion: ids?.length ?? 0, cached: 0 },
  };
}

/** A recorded answer, as it was given then. `toldPrompt` for a model whose prompts we don't build. */
export function replayed(call: Call, recorded: CallRecord, toldPrompt: () => readonly number[]): Outcome {
  const { reply, finish, malformed, version, why, tokens, usage, duration } = recorded;
  return {
    reply: { ...reply }, finish, malformed, version, why: why === 'undelivered' ? undefined : why, usage, duration,
    tokens: tokens && { sampled: tokens.sampled, ...(tokens.logprobs && { logprobs: tokens.logprobs }), ...(tokens.top && { top: tokens.top }) },
    toldPrompt: tokens === undefined || call.prompt !== undefined ? undefined : toldPrompt(),
  };
}

/** What a call had come to when its rollout ended. */
export function cutOff(call: Call): Outcome {
  const { route: { policy }, partial, prompt } = call;
  const usage = { prompt: prompt?.ids.length ?? 0, completion: partial.ids.length, cached: 0 };
  if (policy.kind === 'chat') return { reply: replyOf(''), finish: 'length', version: null, why: 'undelivered', usage };
  const { ids, logprobs } = partial;
  return {
    reply: replyOf(rawText(policy, ids)), finish: 'length', version: policy.version, why: 'undelivered', usage,
    tokens: { sampled: [...ids], ...(logprobs.every(Number.isFinite) && { logprobs: [...logprobs] }) },
  };
}

function replyOf(content: string, reasoning?: string, calls: ChatMessage['tool_calls'] = []): ChatMessage {
  return {
    role: 'assistant', content,
    ...(reasoning !== undefined && { reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}
