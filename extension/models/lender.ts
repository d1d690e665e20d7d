/** What a window's language models look like to the server that lends them. No editor here: a test lends others. */
import type { ChatMessage, ToolDefinition } from '../../runtime/protocol/chat.ts';

export type Piece = { text: string } | { call: { id: string; name: string; input: object } };

export interface Asked {
  messages: ChatMessage[];
  tools: ToolDefinition[];
  /** Whether a tool must be called. */
  mustCall: boolean;
  /** As the model's own interface takes it: `temperature`, `max_tokens`. */
  options: Record<string, unknown>;
}

export interface LentModel {
  id: string;
  family: string;
  vendor: string;
  /** Fails with a `LendingError` where the model says no. */
  ask(asked: Asked, signal: AbortSignal): AsyncIterable<Piece>;
  /** Undefined: it can't tell. */
  countTokens(text: string): Promise<number | undefined>;
}

/** All models there are now. */
export type Lender = () => Promise<LentModel[]>;

export class LendingError extends Error {
  /** Of HTTP. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** By its id, else by its family, else by its vendor. */
export function modelNamed(models: readonly LentModel[], name: string): LentModel | undefined {
  return models.find(({ id }) => id === name) ?? models.find(({ family }) => family === name) ?? models.find(({ vendor }) => vendor === name);
}
