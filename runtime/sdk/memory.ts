import type { ChatMessage } from '../protocol/chat.ts';

/** What an agent remembers, without its system prompt. */
export interface Memory {
  add(messages: readonly ChatMessage[]): void | Promise<void>;
  messages(): readonly ChatMessage[] | Promise<readonly ChatMessage[]>;
  clear(): void | Promise<void>;
}

export class InMemoryMemory implements Memory {
  #messages: ChatMessage[] = [];

  add(messages: readonly ChatMessage[]): void {
    this.#messages.push(...messages);
  }

  messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  clear(): void {
    this.#messages = [];
  }

  get size(): number {
    return this.#messages.length;
  }
}
