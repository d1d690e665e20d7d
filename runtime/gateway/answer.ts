/** Sampled ids to the message an agent gets. */
import type { ChatMessage, FinishReason, ToolCall, ToolChoice } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { Sampled, Tokenizer, TokenPolicy } from '../policy/policy.ts';
import { rawText } from './prompt.ts';
import type { AnswerFormat, ToolSet } from './request.ts';
import { checkAnswer } from './schema.ts';

export interface Reading {
  reply: ChatMessage;
  finish: FinishReason;
  malformed?: string;
}

export interface Wanted {
  tools: ToolSet | undefined;
  toolChoice: ToolChoice | undefined;
  format: AnswerFormat | undefined;
  stop: readonly string[] | undefined;
}

/** `mint` gives a tool call its id: the one thing all frameworks bring back unchanged. */
export function readAnswer(policy: TokenPolicy, sampled: Pick<Sampled, 'ids' | 'finish'>, wanted: Wanted, mint: (index: number) => string): Reading {
  const parsed = policy.format.parse(cutAtStop(rawText(policy, sampled.ids), wanted.stop), wanted.toolChoice === 'none' ? undefined : wanted.tools?.definitions);
  const calls = parsed.toolCalls.map(({ name, arguments: args }, index): ToolCall => ({ id: mint(index), type: 'function', function: { name, arguments: args } }));
  const reply: ChatMessage = { role: 'assistant', content: parsed.content };
  if (parsed.reasoning !== undefined) reply.reasoning = parsed.reasoning;
  if (calls.length > 0) reply.tool_calls = calls;
  const finish = sampled.finish === 'length' ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop';
  return { reply, finish, malformed: parsed.malformed ?? unwanted(reply, wanted) };
}

/** What the request asked for and the answer does not have. */
export function unwanted(reply: ChatMessage, wanted: Pick<Wanted, 'toolChoice' | 'format'>): string | undefined {
  const calls = reply.tool_calls ?? [];
  const choice = wanted.toolChoice;
  if (choice === 'required' && calls.length === 0) return 'tool_choice asked for a tool call, and the answer has none.';
  if (typeof choice === 'object' && !calls.some((call) => call.function.name === choice.function.name)) {
    return `tool_choice asked for a call of "${choice.function.name}", and the answer has none.`;
  }
  return wanted.format === undefined || calls.length > 0 ? undefined : checkAnswer(reply.content, wanted.format);
}

function cutAtStop(text: string, stops: readonly string[] | undefined): string {
  let end = text.length;
  for (const stop of stops ?? []) {
    const at = text.indexOf(stop);
    if (at !== -1 && at < end) end = at;
  }
  return end === text.length ? text : text.slice(0, end);
}

/** Says when one of the stop strings is complete, whatever tokens and bytes it was sampled in. */
export class StopWatch {
  readonly #tokenizer: Tokenizer;
  readonly #stops: readonly string[];
  readonly #kept: number;
  readonly #decoder = new TextDecoder();
  #tail = '';

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#stops = stops;
    this.#kept = Math.max(...stops.map((stop) => stop.length)) - 1;
  }

  push(id: number): boolean {
    const text = this.#tokenizer.isSpecial(id) ? this.#tokenizer.decode([id]) : this.#decoder.decode(this.#tokenizer.bytes(id), { stream: true });
    const seen = this.#tail + text;
    this.#tail = this.#kept === 0 ? '' : seen.slice(-this.#kept);
    return this.#stops.some((stop) => seen.includes(stop));
  }
}

/** Refused at the door: a logprob that is not a number can't be trained on, and must never be stored as one. */
export function checkSampled(sampled: { ids: readonly number[]; logprobs: number[] }, label: string): void {
  if (sampled.logprobs.length !== sampled.ids.length) {
    throw new TuningForkError('policy', `${label} sampled ${sampled.ids.length} tokens but told ${sampled.logprobs.length} logprobs.`, { next: 'This is a fault of the policy; report it.' });
  }
  for (let index = 0; index < sampled.logprobs.length; index++) {
    if (sampled.logprobs[index] === 0) sampled.logprobs[index] = 0; // never -0, which JSON can't hold
    if (Number.isFinite(sampled.logprobs[index])) continue;
    throw new TuningForkError('non-finite', `${label} gave the logprob ${sampled.logprobs[index]} for token ${index + 1} of ${sampled.ids.length} (id ${sampled.ids[index]}).`, {
      next: 'Its weights or logits have most likely become NaN or infinite: go back to an earlier checkpoint, or lower the learning rate.',
    });
  }
}
