import type { ChatMessage, FinishReason } from '../protocol/chat.ts';

/** What people and agents say to each other. */
export class Msg<Metadata = never> {
  readonly name: string;
  readonly content: string;
  readonly role: 'system' | 'user' | 'assistant';
  /** A structured result, where one was asked for and the answer holds one. */
  readonly metadata: Metadata | null;
  /** Why the model stopped, for an agent's answer: `length` was cut off, `tool_calls` ran out of iterations. */
  readonly finish: FinishReason | undefined;

  constructor(name: string, content: string, role: Msg['role'], extra: { metadata?: Metadata | null; finish?: FinishReason } = {}) {
    this.name = name;
    this.content = content;
    this.role = role;
    this.metadata = extra.metadata ?? null;
    this.finish = extra.finish;
  }

  get text(): string {
    return this.content;
  }
}

/** A name is sent only where it says more than the role does, and only in the form that providers accept. */
export function toChatMessage(message: Msg<unknown> | ChatMessage): ChatMessage {
  if (!('metadata' in message)) return message;
  const { role, content, name } = message;
  return role === 'user' && name !== 'user' && /^[\w-]{1,64}$/.test(name) ? { role, content, name } : { role, content };
}
