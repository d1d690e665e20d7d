import type { ChatMessage, ToolDefinition } from '../../protocol/chat.ts';

/** A demonstration. The policy learns to say what the assistant says here. */
export interface Conversation {
  task: 'math-agent' | 'countdown' | 'frozenlake';
  messages: ChatMessage[];
  tools?: ToolDefinition[];
}

export function opening(system: string, user: string): ChatMessage[] {
  return [{ role: 'system', content: system }, { role: 'user', content: user }];
}
