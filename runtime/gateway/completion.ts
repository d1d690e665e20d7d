/** Answers in the shape of the OpenAI API, with vLLM's token ids where asked for. */
import type { ChatMessage, FinishReason } from '../protocol/chat.ts';
import type { CallTokens, CallRecord } from '../protocol/trace.ts';
import type { Tokenizer } from '../policy/policy.ts';
import type { CallRequest } from './request.ts';

/** What a client is told of a call. */
export type Told = Pick<CallRecord, 'id' | 'policy' | 'reply' | 'finish' | 'malformed' | 'usage'> & { tokens?: Pick<CallTokens, 'sampled' | 'logprobs' | 'top'> };

/** A call that has been answered and recorded. */
export interface Answered<T extends Told = CallRecord> {
  readonly record: T;
  /** Seconds since 1970. */
  readonly created: number;
  promptIds(): readonly number[] | undefined;
  /** Absent where the model's tokens can't be read. */
  readonly tokenizer: Tokenizer | undefined;
}

export type Extras = Pick<CallRequest, 'model' | 'logprobs' | 'topLogprobs' | 'returnTokenIds'>;

export function completion(answered: Answered<Told>, asked: Extras): string {
  const { record } = answered;
  const choice: { [key: string]: unknown } = {
    index: 0,
    message: wireMessage(record.reply, record.malformed),
    logprobs: asked.logprobs ? logprobsOf(answered, asked) : null,
    finish_reason: record.finish,
  };
  const body: { [key: string]: unknown } = { ...head(answered, asked, 'chat.completion'), choices: [choice], usage: usageOf(record) };
  if (asked.returnTokenIds && record.tokens !== undefined) {
    body.prompt_token_ids = answered.promptIds();
    choice.token_ids = record.tokens.sampled;
  }
  return JSON.stringify(body);
}

export interface Chunk {
  delta: { [key: string]: unknown };
  finish_reason: FinishReason | null;
  logprobs?: Logprobs | null;
  token_ids?: readonly number[];
}

export function head({ record, created }: { record: Pick<Told, 'id' | 'policy'>; created: number }, asked: Pick<Extras, 'model'>, object: string): { [key: string]: unknown } {
  return { id: record.id, object, created, model: asked.model ?? record.policy };
}

export function usageOf({ usage }: Pick<Told, 'usage'>): object {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached },
  };
}

/** Under both names that clients know: the OpenAI Agents SDK reads `reasoning`, the others `reasoning_content`. */
export function thinking(text: string): { reasoning_content: string; reasoning: string } {
  return { reasoning_content: text, reasoning: text };
}

function wireMessage(reply: ChatMessage, malformed: string | undefined): object {
  const message: { [key: string]: unknown } = {
    role: 'assistant',
    content: reply.content === '' && reply.tool_calls !== undefined ? null : reply.content,
    refusal: null,
  };
  if (reply.reasoning !== undefined) Object.assign(message, thinking(reply.reasoning));
  if (reply.tool_calls !== undefined) message.tool_calls = reply.tool_calls;
  if (malformed !== undefined) message.malformed = malformed;
  return message;
}

interface TokenLogprob {
  token: string;
  logprob: number;
  bytes: number[];
}

export interface Logprobs {
  content: (TokenLogprob & { top_logprobs: TokenLogprob[] })[];
  refusal: null;
}

/** One entry for each sampled token, the end token included, so that they stand beside `token_ids`. */
export function logprobsOf({ record, tokenizer }: { record: Pick<Told, 'tokens'>; tokenizer: Tokenizer | undefined }, asked: Pick<Extras, 'topLogprobs'>): Logprobs | null {
  const tokens = record.tokens;
  if (tokens?.logprobs === undefined || tokenizer === undefined) return null;
  return {
    content: tokens.sampled.map((id, index) => ({ ...told(tokenizer, id, tokens.logprobs![index]!), top_logprobs: alternatives(tokenizer, tokens.top, index, asked.topLogprobs) })),
    refusal: null,
  };
}

function alternatives(tokenizer: Tokenizer, top: CallTokens['top'], index: number, count: number): TokenLogprob[] {
  if (top === undefined) return [];
  const start = index * top.k;
  return top.ids.slice(start, start + Math.min(top.k, count)).map((id, rank) => told(tokenizer, id, top.logprobs[start + rank]!));
}

function told(tokenizer: Tokenizer, id: number, logprob: number): TokenLogprob {
  return { token: tokenizer.decode([id]), logprob, bytes: [...tokenizer.bytes(id)] };
}
