/** A stored rollout as the source of answers: its first calls are served from the record, and its tool results too. */
import { hash } from 'node:crypto';
import type { ChatMessage } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { CallRecord, RolloutRecord } from '../protocol/trace.ts';
import type { Tokenizer } from '../policy/policy.ts';
import { messagesOf, promptIds } from '../trace/resolve.ts';
import { canonicalArguments } from './restore.ts';

export interface ReplayOptions {
  /** How many calls are served; what comes after is sampled. Absent: all of them. */
  untilCall?: number;
  /** Of the first call that is sampled anew, so many tokens of its answer are kept. */
  untilToken?: number;
  /** Forks of one rollout must differ from each other and from it: 1, 2, ... Absent: what is sampled is sampled as it was then. */
  fork?: number;
}

/** What a model is about to be shown: token ids, or messages where there are none. */
export type Shown = { ids: readonly number[] } | { messages: readonly ChatMessage[] };

interface RecordedTool {
  result: string;
  error?: boolean;
}

/** Serves one re-execution; make a new one for each. */
export class ReplaySource {
  readonly fork: number;
  readonly #record: RolloutRecord;
  readonly #served = new Set<CallRecord>();
  /** Calls that can be served, by what they were shown. */
  readonly #recorded = new Map<string, CallRecord[]>();
  readonly #later = new Set<string>();
  readonly #tools = new Map<string, RecordedTool[]>();
  readonly #toolsServed = new Map<string, number>();
  /** How many calls are served. */
  readonly #count: number;
  #begun: CallRecord | undefined;
  readonly #untilToken: number;
  /** Once one call was sampled, others may follow from it. */
  #sampled = false;

  constructor(record: RolloutRecord, options: ReplayOptions = {}) {
    this.#record = record;
    this.fork = options.fork ?? 0;
    this.#count = Math.min(options.untilCall ?? record.calls.length, record.calls.length);
    this.#untilToken = options.untilToken ?? 0;
    if (this.#untilToken > 0) this.#begun = record.calls[this.#count];
    for (const call of record.calls) {
      for (const key of keysOf(record, call)) {
        if (call.index >= this.#count) this.#later.add(key);
        else push(this.#recorded, key, call);
      }
    }
    for (const { name, arguments: args, result, error, afterCalls } of record.tools) {
      // What ran after a call that is now sampled may have been caused by it.
      if (afterCalls <= this.#count) push(this.#tools, toolKey(name, args), error === undefined ? { result } : { result, error });
    }
  }

  /** The recorded call for this prompt, or undefined where it is to be sampled. Throws where the rollout went another way. */
  take(role: string, shown: Shown, tokenizer: Tokenizer | undefined): CallRecord | undefined {
    const key = shownKey(role, shown);
    const call = this.#recorded.get(key)?.find((one) => !this.#served.has(one));
    if (call !== undefined) {
      this.#served.add(call);
      return call;
    }
    if (this.#served.size < this.#count && !this.#sampled && !this.#later.has(key)) throw this.#diverged(role, shown, tokenizer);
    this.#sampled = true;
    return undefined;
  }

  /** What the answer to this prompt begins with, for the call that is forked within its answer. */
  beginning(role: string, shown: Shown): { ids: number[]; logprobs: number[] } | undefined {
    const call = this.#begun;
    const { sampled, logprobs } = call?.tokens ?? {};
    if (call === undefined || sampled === undefined || logprobs === undefined || !keysOf(this.#record, call).includes(shownKey(role, shown))) return undefined;
    this.#begun = undefined;
    // Its last token ended it: from there nothing could go on.
    const kept = Math.min(this.#untilToken, sampled.length - 1);
    return { ids: sampled.slice(0, kept), logprobs: logprobs.slice(0, kept) };
  }

  /** From here on the rollout goes another way on purpose: what is not in the record is sampled. */
  leave(): void {
    this.#sampled = true;
  }

  /** The result of the same tool call in the record: the first for the first time it is asked for, and so on. */
  tool(name: string, args: string): RecordedTool | undefined {
    const key = toolKey(name, args);
    const index = this.#toolsServed.get(key) ?? 0;
    this.#toolsServed.set(key, index + 1);
    return this.#tools.get(key)?.[index];
  }

  messagesOf(call: CallRecord): ChatMessage[] {
    return messagesOf(this.#record, call.index);
  }

  promptOf(call: CallRecord): number[] {
    return promptIds(this.#record, call.index)!;
  }

  #diverged(role: string, shown: Shown, tokenizer: Tokenizer | undefined): TuningForkError {
    const unserved = [...this.#recorded.values()].flat().filter((one) => !this.#served.has(one)).sort((a, b) => a.index - b.index);
    const call = unserved.find((one) => one.role === role) ?? unserved[0]!;
    const what = call.role === role ? difference(shownTo(this.#record, call), shown, tokenizer) : `now role "${role}" makes a call that is not in the record.`;
    return new TuningForkError('diverged', `The rollout diverged from its record at call ${call.index} (role "${call.role}"): ${what}`, {
      next: `Something outside the record is different: time, randomness, files or the workflow itself. Make it the same again, or replay fewer calls (--until-call ${call.index}).`,
    });
  }
}

/** Names a call by its role and all it was shown. */
export function shownKey(role: string, shown: Shown): string {
  return hash('sha1', 'ids' in shown ? `${role}\0${shown.ids.join()}` : `${role}\0${JSON.stringify(shown.messages.map(plain))}`, 'base64');
}

/** A model outside is shown messages, also where it tells the ids it made of them. */
function keysOf(record: RolloutRecord, call: CallRecord): string[] {
  if (call.edited !== undefined) return [call.edited.asked];
  const keys = [shownKey(call.role, shownTo(record, call))];
  return call.version === null && call.tokens !== undefined ? [...keys, shownKey(call.role, { messages: messagesOf(record, call.index) })] : keys;
}

function shownTo(record: RolloutRecord, call: CallRecord): Shown {
  return call.tokens === undefined ? { messages: messagesOf(record, call.index) } : { ids: promptIds(record, call.index)! };
}

/** Keys in one order, whoever made the object. */
function plain({ role, content, reasoning, name, tool_calls, tool_call_id }: ChatMessage): unknown[] {
  return [role, content, reasoning, name, tool_calls?.map((call) => [call.id, call.function.name, call.function.arguments]), tool_call_id];
}

const CONTEXT_TOKENS = 8;
const CONTEXT_CHARACTERS = 40;

function difference(recorded: Shown, now: Shown, tokenizer: Tokenizer | undefined): string {
  if ('ids' in recorded && 'ids' in now && tokenizer !== undefined) {
    const at = firstDifference(recorded.ids, now.ids, (a, b) => a === b);
    const around = (ids: readonly number[]): string => quoted(tokenizer.decode(ids.slice(Math.max(0, at - CONTEXT_TOKENS), at + CONTEXT_TOKENS)));
    return `token ${at + 1} of its prompt is different. Recorded: ${around(recorded.ids)} (${recorded.ids.length} tokens); now: ${around(now.ids)} (${now.ids.length} tokens).`;
  }
  if ('messages' in recorded && 'messages' in now) {
    const at = firstDifference(recorded.messages, now.messages, (a, b) => JSON.stringify(plain(a)) === JSON.stringify(plain(b)));
    const [a, b] = [told(recorded.messages[at]), told(now.messages[at])];
    const from = Math.max(0, firstDifference([...a], [...b], (x, y) => x === y) - CONTEXT_CHARACTERS);
    const part = (text: string): string => quoted(text.slice(from, from + 2 * CONTEXT_CHARACTERS));
    return `message ${at + 1} is different. Recorded: ${part(a)}; now: ${part(b)}.`;
  }
  return 'it was answered by another kind of model.';
}

function told(message: ChatMessage | undefined): string {
  if (message === undefined) return 'no message';
  const calls = message.tool_calls?.map((call) => ` ${call.function.name}(${call.function.arguments})`).join('') ?? '';
  return `${message.role}: ${message.content}${calls}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function firstDifference<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): number {
  let at = 0;
  while (at < a.length && at < b.length && same(a[at]!, b[at]!)) at++;
  return at;
}

function toolKey(name: string, args: string): string {
  return `${name}\0${canonicalArguments(args)}`;
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
