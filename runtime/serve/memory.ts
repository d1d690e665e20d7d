/** The conversations a server has had, as many as fit: their sampled ids are there when the next request goes on from them. */
import type { ChatMessage } from '../protocol/chat.ts';
import { Conversations } from '../gateway/restore.ts';
import type { History, Turn } from '../gateway/turn.ts';

const ROLE = 'served';
/** What a turn takes beside its ids and texts, about. */
const TURN_BYTES = 1_000;

export class ConversationMemory {
  readonly conversations = new Conversations();
  readonly #limit: number;
  /** Bytes of each turn, oldest use first. A turn is always used after those that go on from it, so the oldest is one nothing goes on from. */
  readonly #kept = new Map<Turn, number>();
  #bytes = 0;
  #calls = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  read(messages: readonly ChatMessage[]): History {
    const history = this.conversations.read(messages, ROLE);
    this.#use(history.turns);
    return history;
  }

  record(turn: Omit<Turn, 'call' | 'role' | 'kept'>): void {
    this.#use([{ ...turn, call: this.#calls++, role: ROLE, kept: true }]);
    for (const [oldest, bytes] of this.#kept) {
      if (this.#bytes <= this.#limit) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
      this.conversations.forget(oldest);
    }
  }

  /** With all they stand on, which may have been forgotten while an answer to them was being sampled. */
  #use(turns: readonly Turn[]): void {
    const used = new Set(turns);
    for (const { from, tokens } of used) {
      if (from !== null) used.add(from);
      if (tokens?.from) used.add(tokens.from);
    }
    for (const turn of [...used].sort((a, b) => b.call - a.call)) {
      let bytes = this.#kept.get(turn);
      if (bytes === undefined) {
        bytes = bytesOf(turn);
        this.#bytes += bytes;
        this.conversations.record(turn);
      }
      this.#kept.delete(turn);
      this.#kept.set(turn, bytes);
    }
  }
}

function bytesOf({ add, reply, tokens }: Turn): number {
  const texts = [...add, reply].reduce((sum, message) => sum + message.content.length + (message.reasoning?.length ?? 0) + callsLength(message), tokens?.text?.raw.length ?? 0);
  const ids = tokens === undefined ? 0 : tokens.tail.length + tokens.sampled.length;
  return TURN_BYTES + 2 * texts + 8 * ids;
}

function callsLength({ tool_calls: calls = [] }: ChatMessage): number {
  return calls.reduce((sum, call) => sum + call.function.arguments.length, 0);
}
