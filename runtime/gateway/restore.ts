/**
 * Which sampled answers a request's history stands on. Frameworks rewrite assistant turns before they send them back: they drop text and
 * reasoning, re-serialise arguments, trim. Here each is put back to what was sampled, so that its token ids are never guessed again.
 */
import { hash } from 'node:crypto';
import type { ChatMessage, ToolCall } from '../protocol/chat.ts';
import type { Echo } from '../protocol/trace.ts';
import { regroup, type Answers } from './regroup.ts';
import type { History, Turn } from './turn.ts';

const ROOT = '';
const MOST_LITERAL = 65_536;

export class Conversations {
  /** Calls by the place of their prompt in the chain. */
  readonly #asked = new Map<string, Turn[]>();
  readonly #byToolCall = new Map<string, Turn>();
  readonly #byEcho = new Map<string, Turn[]>();
  readonly #turnOf = new Map<ChatMessage, Turn>();
  /** Assistant messages that came from the workflow itself, such as worked examples. */
  readonly #literal = new Set<string>();
  /** How each answer came back the last time. */
  readonly #echoed = new Map<number, string>();
  readonly #answers: Answers = {
    byToolCall: (id) => this.#byToolCall.get(id)?.reply,
    like: (message) => this.#byEcho.get(echoKey(message))?.map(({ reply }) => reply) ?? [],
  };

  read(sent: readonly ChatMessage[], role: string): History {
    const { messages, changed: cut } = regroup(sent, this.#answers);
    let place = ROOT;
    let from: Turn | null = null;
    let add: ChatMessage[] = [];
    const echoes: Echo[] = [];
    let rewritten = false;
    for (const message of messages) {
      const found = message.role === 'assistant' ? this.#find(message, place, role) : undefined;
      const turn = found?.turn;
      const here = place;
      place = next(place, turn?.reply ?? message);
      if (turn === undefined) {
        rewritten ||= this.#asked.has(here);
        if (message.role === 'assistant') this.#keepLiteral(place);
        add.push(message);
        continue;
      }
      const changed = sameMessage(turn.reply, message) ? [] : changesOf(turn.reply, message);
      if (cut.has(message)) changed.push('grouping');
      if (changed.length > 0) echoes.push({ call: turn.call, by: found!.by, changed });
      if (turn.asked === here && turn.kept) {
        from = turn;
        add = [];
        rewritten = false;
      } else {
        rewritten = true;
        add.push(turn.reply);
      }
    }
    return { asked: place, from, add, ...this.#whole(from, add), echoes, rewritten };
  }

  /** The same history with other messages at its end: the instruction of an answer format, say. */
  withAdd(history: History, add: readonly ChatMessage[]): History {
    return { ...history, add, ...this.#whole(history.from, add) };
  }

  /** Those that are news. */
  newEchoes({ echoes }: History): Echo[] {
    return echoes.filter(({ call, by, changed }) => {
      const how = [by, ...changed].join();
      if (this.#echoed.get(call) === how) return false;
      this.#echoed.set(call, how);
      return true;
    });
  }

  record(turn: Turn): void {
    push(this.#asked, turn.asked, turn);
    push(this.#byEcho, echoKey(turn.reply), turn);
    for (const call of turn.reply.tool_calls ?? []) this.#byToolCall.set(call.id, turn);
    this.#turnOf.set(turn.reply, turn);
  }

  /** What goes on from this call is read as if it had not been. */
  forget(turn: Turn): void {
    pull(this.#asked, turn.asked, turn);
    pull(this.#byEcho, echoKey(turn.reply), turn);
    for (const call of turn.reply.tool_calls ?? []) if (this.#byToolCall.get(call.id) === turn) this.#byToolCall.delete(call.id);
    this.#turnOf.delete(turn.reply);
  }

  turnOf(message: ChatMessage): Turn | undefined {
    return this.#turnOf.get(message);
  }

  hasToolCall(id: string): boolean {
    return this.#byToolCall.has(id);
  }

  #keepLiteral(place: string): void {
    this.#literal.add(place);
    if (this.#literal.size > MOST_LITERAL) this.#literal.delete(this.#literal.values().next().value!);
  }

  #whole(from: Turn | null, add: readonly ChatMessage[]): { messages: ChatMessage[]; turns: Turn[] } {
    const messages: ChatMessage[] = [];
    for (let turn = from; turn !== null; turn = turn.from) {
      messages.push(turn.reply);
      for (let index = turn.add.length - 1; index >= 0; index--) messages.push(turn.add[index]!);
    }
    messages.reverse().push(...add);
    const turns: Turn[] = [];
    for (const message of messages) {
      const turn = message.role === 'assistant' ? this.#turnOf.get(message) : undefined;
      if (turn !== undefined) turns.push(turn);
    }
    return { messages, turns };
  }

  #find(message: ChatMessage, place: string, role: string): Found | undefined {
    const id = message.tool_calls?.[0]?.id;
    const byId = id === undefined ? undefined : this.#byToolCall.get(id);
    // The ids are ours and the content is not: the workflow edited its history on purpose.
    if (byId !== undefined) return echoes(byId.reply, message, true) ? { turn: byId, by: 'tool-call-id' } : undefined;
    const here = latest(this.#asked.get(place), role, (turn) => echoes(turn.reply, message, false));
    if (here !== undefined) return { turn: here, by: 'place' };
    if (this.#byEcho.size === 0 || this.#literal.has(next(place, message))) return undefined;
    // Elsewhere in the rollout, after the history was cut or summarised: only where putting it back changes no text.
    const elsewhere = latest(this.#byEcho.get(echoKey(message)), role, (turn) => turn.role === role && turn.reply.reasoning === undefined && turn.reply.content === message.content);
    return elsewhere && { turn: elsewhere, by: 'content' };
  }
}

interface Found {
  turn: Turn;
  by: Echo['by'];
}

/** The newest that fits; one of the same role before any other. */
function latest(turns: readonly Turn[] | undefined, role: string, fits: (turn: Turn) => boolean): Turn | undefined {
  if (turns === undefined) return undefined;
  let other: Turn | undefined;
  for (let index = turns.length - 1; index >= 0; index--) {
    const turn = turns[index]!;
    if (!fits(turn)) continue;
    if (turn.role === role) return turn;
    other ??= turn;
  }
  return other;
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function pull<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  const at = list?.indexOf(value) ?? -1;
  if (at === -1) return;
  if (list!.length === 1) map.delete(key);
  else list!.splice(at, 1);
}

/** A message's place is a hash over itself and all before it. `name` is left out: LangGraph adds it to tool messages as it likes. */
function next(place: string, message: ChatMessage): string {
  let text = `${place}\0${message.role}\0${message.tool_call_id ?? ''}\0${message.reasoning ?? ''}\0${message.content.length}\0${message.content}`;
  for (const call of message.tool_calls ?? []) text += `\0${call.id}\0${call.function.name}\0${call.function.arguments}`;
  return hash('sha1', text, 'base64');
}

function sameMessage(a: ChatMessage, b: ChatMessage): boolean {
  if (a.content !== b.content || a.reasoning !== b.reasoning) return false;
  const calls = a.tool_calls ?? [];
  const others = b.tool_calls ?? [];
  return calls.length === others.length && calls.every((call, index) => {
    const other = others[index]!;
    return call.id === other.id && call.function.name === other.function.name && call.function.arguments === other.function.arguments;
  });
}

function changesOf(reply: ChatMessage, echo: ChatMessage): Echo['changed'] {
  const changed: Echo['changed'] = [];
  const calls = reply.tool_calls ?? [];
  const others = echo.tool_calls ?? [];
  if (reply.content !== echo.content) changed.push('text');
  if (reply.reasoning !== echo.reasoning) changed.push('reasoning');
  if (calls.some((call, index) => call.function.arguments !== others[index]?.function.arguments)) changed.push('arguments');
  if (calls.some((call, index) => call.id !== others[index]?.id)) changed.push('ids');
  return changed;
}

/** Whether a framework made `echo` out of `reply`. `known`: the tool call ids say so, then lost text and what a schema does to arguments are forgiven. */
function echoes(reply: ChatMessage, echo: ChatMessage, known: boolean): boolean {
  return sameCalls(reply.tool_calls, echo.tool_calls, known) && sameText(reply, echo.content, known);
}

function sameText(reply: ChatMessage, content: string, known: boolean): boolean {
  if (content === reply.content) return true;
  const said = content.trim();
  const meant = reply.content.trim();
  if (said === meant || (known && said === '')) return true;
  // Some put the thinking back into the text.
  const reasoning = reply.reasoning?.trim();
  return reasoning !== undefined && reasoning !== '' && said.endsWith(meant) && said.includes(reasoning);
}

function sameCalls(ours: readonly ToolCall[] | undefined, theirs: readonly ToolCall[] | undefined, known: boolean): boolean {
  const length = ours?.length ?? 0;
  if (length !== (theirs?.length ?? 0)) return false;
  for (let index = 0; index < length; index++) {
    const a = ours![index]!.function;
    const b = theirs![index]!.function;
    if (a.name !== b.name) return false;
    if (a.arguments === b.arguments || canonicalArguments(a.arguments) === canonicalArguments(b.arguments)) continue;
    if (!known || !throughSchema(a.arguments, b.arguments)) return false;
  }
  return true;
}

/** What a tool's schema makes of arguments: keys it doesn't know are dropped, defaults are added. A value that is there stays. */
function throughSchema(ours: string, theirs: string): boolean {
  try {
    return agree(JSON.parse(ours), JSON.parse(theirs));
  } catch {
    return false;
  }
}

function agree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, index) => agree(each, b[index]));
  const shared = Object.keys(a).filter((key) => Object.hasOwn(b, key));
  // Nothing in common is another thing, unless one of them is empty.
  if (shared.length === 0) return Object.keys(a).length === 0 || Object.keys(b).length === 0;
  return shared.every((key) => agree((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** The same for all ways to write the same JSON down. */
export function canonicalArguments(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)));
  } catch {
    return text.trim();
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}

function echoKey(message: ChatMessage): string {
  let text = message.content.trim();
  for (const call of message.tool_calls ?? []) text += `\0${call.function.name}\0${canonicalArguments(call.function.arguments)}`;
  return hash('sha1', text, 'base64');
}
