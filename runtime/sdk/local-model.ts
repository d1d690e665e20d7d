import type OpenAI from 'openai';
import type { ChatMessage, ToolCall } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { callSite } from './call-site.ts';
import { currentRollout } from './context.ts';
import { toChatMessage, type Msg } from './message.ts';
import { FrameworkModels } from './frameworks.ts';
import { MODEL_NAME, type CallOptions, type ChatModel, type ChatReply } from './model.ts';

/** A model of the user's own, as far as an agent needs one. */
export type CallableModel = ModelFunction | { call: ModelFunction };
export type ModelFunction = (messages: ChatMessage[], options: CallOptions) => LocalAnswer | Promise<LocalAnswer>;
export type LocalAnswer = string | { text: string; toolCalls?: ToolCall[] };

/** A default model that lives in the user's process: its calls reach no gateway, so they are kept beside the tool calls. */
export class LocalModel extends FrameworkModels implements ChatModel {
  readonly role: string;
  readonly model = MODEL_NAME;
  readonly #ask: ModelFunction;
  readonly #signal: AbortSignal;

  constructor(role: string, model: CallableModel, signal: AbortSignal) {
    super(undefined);
    this.role = role;
    this.#ask = typeof model === 'function' ? model : (messages, options) => model.call(messages, options);
    this.#signal = signal;
  }

  async call(messages: readonly (Msg<unknown> | ChatMessage)[], options: CallOptions = {}): Promise<ChatReply> {
    const { stack } = callSite(LocalModel.prototype.call);
    const sent = messages.map(toChatMessage);
    const ask = async (): Promise<string> => JSON.stringify(await this.#ask(sent, { signal: this.#signal, ...options }));
    const answered = await (currentRollout()?.tools.run(`model:${this.role}`, JSON.stringify(sent), stack, ask) ?? ask());
    return toReply(JSON.parse(answered) as LocalAnswer);
  }

  get baseURL(): string {
    throw this.#noAddress();
  }

  get apiKey(): string {
    throw this.#noAddress();
  }

  get fetch(): typeof fetch {
    throw this.#noAddress();
  }

  asOpenAI(): OpenAI {
    throw this.#noAddress();
  }

  #noAddress(): TuningForkError {
    return new TuningForkError('workflow', `The role "${this.role}" is played by a model object of this process, which has no address.`, {
      next: `Use tuner.getModel('${this.role}').call(...), or register it as 'provider:model' or { baseURL, apiKey, model }.`,
    });
  }
}

function toReply(answer: LocalAnswer): ChatReply {
  const { text, toolCalls = [] } = typeof answer === 'string' ? { text: answer } : answer;
  return {
    text, toolCalls, finish: toolCalls.length > 0 ? 'tool_calls' : 'stop', usage: { prompt: 0, completion: 0 },
    message: { role: 'assistant', content: text, ...(toolCalls.length > 0 && { tool_calls: toolCalls }) },
  };
}
