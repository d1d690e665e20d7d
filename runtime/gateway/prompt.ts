/**
 * Messages to prompt ids. Ids that a policy sampled are never made anew from text: a prompt is the ids of an earlier call's prompt, the ids
 * sampled for it, and the ids of only the text that came after.
 */
import { hash } from 'node:crypto';
import type { ChatMessage } from '../protocol/chat.ts';
import type { Continuation } from '../protocol/trace.ts';
import type { ChatFormat, TokenPolicy } from '../policy/policy.ts';
import type { ToolSet } from './request.ts';
import type { Conversations } from './restore.ts';
import type { History, TokenTurn, Turn, TurnText } from './turn.ts';

export interface Prompt {
  readonly text: string;
  readonly ids: readonly number[];
  readonly from: Turn | null;
  readonly tail: readonly number[];
}

export function buildPrompt(policy: TokenPolicy, history: History, tools: ToolSet | undefined, conversations: Conversations): Prompt {
  const text = policy.format.render(verbatim(history.messages, policy, conversations), tools?.definitions, true);
  const from = history.turns.findLast((turn) => goesOn(turn.tokens?.text, policy, text)) ?? null;
  if (from === null) {
    const tail = encodeAround(policy, text, history.turns);
    return { text, ids: tail, from, tail };
  }
  const after = history.turns.slice(history.turns.lastIndexOf(from) + 1);
  const tail = encodeAround(policy, text.slice(from.tokens!.text!.length), after);
  return { text, ids: promptIds({ from, tail }), from, tail };
}

/** A prompt that a server built: which earlier call it goes on from, by its ids. */
export function splitPrompt(ids: readonly number[], history: History): Pick<Prompt, 'from' | 'tail'> {
  for (const turn of history.turns.toReversed()) {
    const before = turn.tokens === undefined ? undefined : idsThrough(turn);
    if (before?.every((id, index) => id === ids[index])) return { from: turn, tail: ids.slice(before.length) };
  }
  return { from: null, tail: ids };
}

/** All ids up to the end of a call's answer. */
function idsThrough({ tokens }: Turn): number[] {
  return promptIds({ from: tokens!.from, tail: tokens!.tail }, tokens!.sampled);
}

export function promptIds({ from, tail }: Pick<TokenTurn, 'from' | 'tail'>, sampled: readonly number[] = []): number[] {
  const parts: (readonly number[])[] = [sampled, tail];
  for (let at = from; at !== null; at = at.tokens!.from) parts.push(at.tokens!.sampled, at.tokens!.tail);
  const ids: number[] = [];
  for (let part = parts.length - 1; part >= 0; part--) append(ids, parts[part]!);
  return ids;
}

export function turnText(policy: TokenPolicy, prompt: Prompt, sampled: readonly number[]): TurnText {
  const body = withoutEnd(sampled, policy.format.stopIds);
  const raw = policy.tokenizer.decode(body);
  const text = prompt.text + raw + policy.tokenizer.decode(sampled.slice(body.length));
  return { policy, raw, length: text.length, digest: digest(text) };
}

/** What was sampled, as text without the end token. */
export function rawText(policy: TokenPolicy, sampled: readonly number[]): string {
  return policy.tokenizer.decode(withoutEnd(sampled, policy.format.stopIds));
}

function withoutEnd(sampled: readonly number[], stopIds: ReadonlySet<number>): readonly number[] {
  return sampled.length > 0 && stopIds.has(sampled.at(-1)!) ? sampled.slice(0, -1) : sampled;
}

/** An answer that was not sampled, as the ids a model would have said it in. Undefined where the template can't tell. */
export function writeReply(policy: TokenPolicy, history: History, tools: ToolSet | undefined, prompt: Prompt, reply: ChatMessage, conversations: Conversations): number[] | undefined {
  const { tokenizer, format } = policy;
  const text = format.render([...verbatim(history.messages, policy, conversations), reply], tools?.definitions, false);
  const { opening } = frameOf(format);
  const start = text.startsWith(prompt.text) ? prompt.text.length : opening === '' ? -1 : text.lastIndexOf(opening) + opening.length;
  if (start < opening.length) return undefined;
  const ids = tokenizer.encode(text.slice(start));
  const end = ids.findIndex((id) => format.stopIds.has(id));
  return end === -1 ? ids : ids.slice(0, end + 1);
}

export function continuationOf(history: History, tokensFrom: Turn | null, tools: ToolSet | undefined): Continuation {
  if (history.rewritten) return 'rewritten';
  if (history.from === null) return 'start';
  if (tokensFrom === history.from) return 'continued';
  return history.from.tools?.text === tools?.text ? 'template' : 'rewritten';
}

/** Our own turns as they were sampled: a template would write tool calls and thinking in its own way. */
function verbatim(messages: readonly ChatMessage[], policy: TokenPolicy, conversations: Conversations): ChatMessage[] {
  return messages.map((message) => {
    const text = message.role === 'assistant' ? conversations.turnOf(message)?.tokens?.text : undefined;
    return text === undefined || !sameFormat(text.policy, policy) ? message : { role: 'assistant', content: text.raw };
  });
}

function sameFormat(a: TokenPolicy, b: TokenPolicy): boolean {
  return a === b || (a.tokenizer.sha256 === b.tokenizer.sha256 && a.format.sha256 === b.format.sha256);
}

function goesOn(turn: TurnText | undefined, policy: TokenPolicy, text: string): boolean {
  return turn !== undefined && text.length >= turn.length && sameFormat(turn.policy, policy) && digest(text.slice(0, turn.length)) === turn.digest;
}

function digest(text: string): string {
  return hash('sha1', text, 'base64');
}

/** Where a sampled turn stands in newly rendered text its ids are taken over; only the text around it is encoded. */
function encodeAround(policy: TokenPolicy, text: string, turns: readonly Turn[]): number[] {
  const { tokenizer, format } = policy;
  const { opening, closing } = turns.length === 0 ? NO_FRAME : frameOf(format);
  if (opening === '' || closing === '') return tokenizer.encode(text);
  const ids: number[] = [];
  let left = turns.flatMap(({ tokens }) => (tokens?.text !== undefined && sameFormat(tokens.text.policy, policy) ? [{ sampled: tokens.sampled, raw: tokens.text.raw }] : []));
  let done = 0;
  for (let at = text.indexOf(opening); at !== -1 && left.length > 0; at = text.indexOf(opening, at)) {
    at += opening.length;
    const end = text.indexOf(closing, at);
    if (end === -1) break;
    const written = text.slice(at, end);
    const match = left.findIndex((turn) => written !== '' && turn.raw.endsWith(written));
    const known = match === -1 ? undefined : idsOfEnd(left[match]!, written, policy);
    if (known === undefined) continue;
    left = left.slice(match + 1);
    append(ids, tokenizer.encode(text.slice(done, at)));
    append(ids, known);
    done = end;
  }
  append(ids, tokenizer.encode(text.slice(done)));
  return ids;
}

/** The sampled ids of a turn's last part: all of it, or what a template leaves of it (thinking stripped). */
function idsOfEnd(turn: { sampled: readonly number[]; raw: string }, written: string, { tokenizer, format }: TokenPolicy): readonly number[] | undefined {
  const body = withoutEnd(turn.sampled, format.stopIds);
  if (written === turn.raw) return body;
  let bytes = Buffer.byteLength(written);
  let start = body.length;
  while (bytes > 0 && start > 0) bytes -= tokenizer.bytes(body[--start]!).length;
  const end = body.slice(start);
  return tokenizer.decode(end) === written ? end : undefined;
}

function append(ids: number[], more: readonly number[]): void {
  for (const id of more) ids.push(id);
}

interface Frame {
  opening: string;
  closing: string;
}

const NO_FRAME: Frame = { opening: '', closing: '' };

const frames = new WeakMap<ChatFormat, Frame>();

/** What a format writes before and after an assistant turn, found by writing one. */
function frameOf(format: ChatFormat): Frame {
  let frame = frames.get(format);
  if (frame === undefined) frames.set(format, (frame = findFrame(format)));
  return frame;
}

function findFrame(format: ChatFormat): Frame {
  const question: ChatMessage = { role: 'user', content: 'question' };
  const before = format.render([question], undefined, false);
  const whole = format.render([question, { role: 'assistant', content: 'answer' }], undefined, false);
  const at = whole.indexOf('answer', before.length);
  if (at === -1 || !whole.startsWith(before)) return NO_FRAME;
  return { opening: whole.slice(before.length, at), closing: whole.slice(at + 'answer'.length) };
}
