/**
 * Some frameworks cut answers into other messages: OpenAI Agents (till 0.3) sends thinking, text and tool calls of one answer as three; Mastra,
 * when a conversation goes on, the tool calls of several answers as one, with all their results behind. Here each answer is one message again.
 */
import type { ChatMessage, ToolCall } from '../protocol/chat.ts';

export interface Regrouped {
  messages: readonly ChatMessage[];
  /** Those of them that had been cut otherwise. */
  changed: ReadonlySet<ChatMessage>;
}

export interface Answers {
  /** The answer that a tool call is from. */
  byToolCall(id: string): ChatMessage | undefined;
  /** Answers that read like this message. */
  like(message: ChatMessage): readonly ChatMessage[];
}

const NONE: ReadonlySet<ChatMessage> = new Set();

export function regroup(sent: readonly ChatMessage[], answers: Answers): Regrouped {
  const split = sent.some((message, index) => message.role === 'assistant' && sent[index - 1]?.role === 'assistant');
  const merged = sent.some((message) => repliesIn(message, answers).length > 1);
  if (!split && !merged) return { messages: sent, changed: NONE };
  const changed = new Set<ChatMessage>();
  const whole = split ? joined(sent, answers, changed) : sent;
  return { messages: merged ? apart(whole, answers, changed) : whole, changed };
}

function joined(messages: readonly ChatMessage[], answers: Answers, changed: Set<ChatMessage>): ChatMessage[] {
  const all: ChatMessage[] = [];
  for (const message of messages.toReversed()) {
    const after = all.at(-1);
    if (after !== undefined && message.role === 'assistant' && after.role === 'assistant' && belongs(message, after, answers)) {
      const reasoning = message.reasoning ?? after.reasoning;
      const whole: ChatMessage = { ...after, content: message.content + after.content, ...(reasoning !== undefined && { reasoning }) };
      changed.delete(after);
      changed.add(whole);
      all[all.length - 1] = whole;
    } else {
      all.push(message);
    }
  }
  return all.reverse();
}

/** Whether an answer of ours was cut between the two. */
function belongs(before: ChatMessage, after: ChatMessage, answers: Answers): boolean {
  if (before.tool_calls !== undefined) return false;
  const id = after.tool_calls?.[0]?.id;
  const known = id === undefined ? undefined : answers.byToolCall(id);
  const replies = known === undefined ? answers.like(after) : [known];
  if (before.content === '') return before.reasoning !== undefined && replies.some(({ reasoning }) => reasoning !== undefined && squeezed(reasoning) === squeezed(before.reasoning!));
  return after.content === '' && id !== undefined && replies.some(({ content }) => squeezed(content) === squeezed(before.content));
}

function apart(messages: readonly ChatMessage[], answers: Answers, changed: Set<ChatMessage>): ChatMessage[] {
  const all: ChatMessage[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    const replies = repliesIn(message, answers);
    const texts = replies.length > 1 ? textsOf(message, replies) : undefined;
    if (texts === undefined) {
      all.push(message);
      continue;
    }
    let end = index + 1;
    while (messages[end]?.role === 'tool') end++;
    const results = messages.slice(index + 1, end);
    for (const [at, reply] of replies.entries()) {
      const ids = new Set(reply.tool_calls!.map(({ id }) => id));
      const piece: ChatMessage = { role: 'assistant', content: texts[at]!, tool_calls: message.tool_calls!.filter(({ id }) => ids.has(id)) };
      changed.add(piece);
      all.push(piece, ...results.filter((result) => ids.has(result.tool_call_id!)));
    }
    all.push(...results.filter(({ tool_call_id: id }) => !message.tool_calls!.some((call) => call.id === id)));
    index = end - 1;
  }
  return all;
}

/** The answers that its calls are from, in their order; none where one of them is not ours, or an answer is not there whole. */
function repliesIn({ role, tool_calls: calls }: ChatMessage, answers: Answers): ChatMessage[] {
  if (role !== 'assistant' || calls === undefined || calls.length < 2) return [];
  const replies = new Set<ChatMessage>();
  for (const { id } of calls) {
    const reply = answers.byToolCall(id);
    if (reply === undefined) return [];
    replies.add(reply);
  }
  return sameIds([...replies].flatMap((reply) => reply.tool_calls!), calls) ? [...replies] : [];
}

function sameIds(expected: readonly ToolCall[], calls: readonly ToolCall[]): boolean {
  return expected.length === calls.length && expected.every(({ id }, index) => id === calls[index]!.id);
}

/** What each of them said, as it was said. Undefined where the message says anything else. */
function textsOf(message: ChatMessage, replies: readonly ChatMessage[]): string[] | undefined {
  const texts = replies.map(({ content }) => content);
  return squeezed(message.content) === '' || squeezed(message.content) === squeezed(texts.join('')) ? texts : undefined;
}

function squeezed(text: string): string {
  return text.replace(/\s+/g, '');
}
