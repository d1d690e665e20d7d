/** Some frameworks (Mastra, when a conversation goes on) put the tool calls of several answers into one message, with all their results behind it. */
import type { ChatMessage, ToolCall } from '../protocol/chat.ts';

export interface Regrouped {
  messages: readonly ChatMessage[];
  /** Those of them that were one message before. */
  apart: ReadonlySet<ChatMessage>;
}

const NONE: ReadonlySet<ChatMessage> = new Set();

/** The answers apart again, each with its results, where the ids of the calls tell which was which. `replyOf`: the answer that a call id is from. */
export function apartAgain(messages: readonly ChatMessage[], replyOf: (id: string) => ChatMessage | undefined): Regrouped {
  if (!messages.some((message) => repliesIn(message, replyOf).length > 1)) return { messages, apart: NONE };
  const apart = new Set<ChatMessage>();
  const all: ChatMessage[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    const replies = repliesIn(message, replyOf);
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
      apart.add(piece);
      all.push(piece, ...results.filter((result) => ids.has(result.tool_call_id!)));
    }
    all.push(...results.filter(({ tool_call_id: id }) => !message.tool_calls!.some((call) => call.id === id)));
    index = end - 1;
  }
  return { messages: all, apart };
}

/** The answers that its calls are from, in their order; none where one of them is not ours, or an answer is not there whole. */
function repliesIn({ role, tool_calls: calls }: ChatMessage, replyOf: (id: string) => ChatMessage | undefined): ChatMessage[] {
  if (role !== 'assistant' || calls === undefined || calls.length < 2) return [];
  const replies = new Set<ChatMessage>();
  for (const { id } of calls) {
    const reply = replyOf(id);
    if (reply === undefined) return [];
    replies.add(reply);
  }
  const expected = [...replies].flatMap((reply) => reply.tool_calls!);
  return sameIds(expected, calls) ? [...replies] : [];
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
