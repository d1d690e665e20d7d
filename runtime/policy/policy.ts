import type { ChatMessage, FinishReason, Sampling, ToolCall, ToolChoice, ToolDefinition } from '../protocol/chat.ts';

/** Text to ids and back, exact in both directions that matter: ids are never guessed from text that was sampled. */
export interface Tokenizer {
  readonly size: number;
  /** sha256 of tokenizer.json. */
  readonly sha256: string;
  /** Special tokens inside `text` become their ids: `text` is a rendered template. */
  encode(text: string): number[];
  /** Special tokens are kept. */
  decode(ids: readonly number[]): string;
  /** The raw bytes of one token; a character may be split over several tokens. */
  bytes(id: number): Uint8Array;
  isSpecial(id: number): boolean;
  idOf(token: string): number | undefined;
}

/** The model family's way to write a conversation down and to read a tool call back. */
export interface ChatFormat {
  /** sha256 of the template text. */
  readonly sha256: string;
  render(messages: readonly ChatMessage[], tools: readonly ToolDefinition[] | undefined, addGenerationPrompt: boolean): string;
  /** Ids that end an assistant turn. */
  readonly stopIds: ReadonlySet<number>;
  /** Splits sampled text (end token removed) into content, reasoning and tool calls. Ids of calls are minted by the caller. */
  parse(text: string, tools: readonly ToolDefinition[] | undefined): ParsedAnswer;
}

export interface ParsedAnswer {
  content: string;
  reasoning?: string;
  toolCalls: { name: string; arguments: string }[];
  /** Why a tool call in the text could not be read. The text then stays in `content`. */
  malformed?: string;
}

export interface SampleRequest {
  prompt: readonly number[];
  sampling: Sampling;
  stopIds: ReadonlySet<number>;
  /** Two calls with the same key and prompt give the same tokens, whatever runs beside them. */
  key: bigint;
  /** How many alternatives to tell for each sampled token. */
  top?: number;
  signal?: AbortSignal;
  /** Called for each token as it is sampled; `true` ends the call there (stop strings). */
  onToken?(id: number, logprob: number, told?: ToldToken): boolean | void;
}

/** What else is known of a call when a token of it is sampled. */
export interface ToldToken {
  top?: { ids: number[]; logprobs: number[] };
  cached: number;
  version: number;
}

export interface Sampled {
  ids: number[];
  logprobs: number[];
  top?: { k: number; ids: number[]; logprobs: number[] };
  finish: 'stop' | 'length';
  /** Weights version all of these tokens were sampled with. */
  version: number;
  /** Prompt tokens whose keys and values were still there from earlier calls. */
  cached: number;
}

/** A model we hold: token ids in, token ids out. */
export interface TokenPolicy {
  readonly kind: 'tokens';
  readonly label: string;
  /** Where its tokenizer.json lies, for whoever keeps a copy; absent for one that was made in memory. */
  readonly directory?: string;
  readonly contextLength: number;
  readonly tokenizer: Tokenizer;
  readonly format: ChatFormat;
  readonly version: number;
  sample(request: SampleRequest): Promise<Sampled>;
  close(): Promise<void>;
}

export interface ChatRequest {
  messages: readonly ChatMessage[];
  tools?: readonly ToolDefinition[];
  toolChoice?: ToolChoice;
  sampling: Sampling;
  top?: number;
  signal?: AbortSignal;
}

export interface ChatAnswer {
  content: string;
  reasoning?: string;
  toolCalls: ToolCall[];
  finish: FinishReason;
  usage: { prompt: number; completion: number };
  /** Only when the server told its own ids (vLLM's `return_token_ids`). */
  tokens?: { prompt: number[]; sampled: number[]; logprobs?: number[] };
}

/** A model behind somebody's OpenAI-compatible server: messages in, a message out. */
export interface ChatPolicy {
  readonly kind: 'chat';
  readonly label: string;
  complete(request: ChatRequest): Promise<ChatAnswer>;
  close(): Promise<void>;
}

export type Policy = TokenPolicy | ChatPolicy;
