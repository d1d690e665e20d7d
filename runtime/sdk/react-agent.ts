import type { ChatMessage } from '../protocol/chat.ts';
import { InMemoryMemory, type Memory } from './memory.ts';
import { Msg, toChatMessage } from './message.ts';
import type { CallOptions, ChatModel, ChatReply } from './model.ts';
import { check, jsonSchemaOf, type Schema, type Validated } from './schema.ts';
import { Toolkit } from './toolkit.ts';

export interface ReActAgentOptions {
  name: string;
  sysPrompt: string;
  /** The tuner, or one of its roles. */
  model: ChatModel;
  toolkit?: Toolkit;
  /** Default: everything said to and by this agent. */
  memory?: Memory;
  /** Model calls of one reply. Default: 10. */
  maxIters?: number;
  /** Temperature, length and the like of each call. */
  callOptions?: Omit<CallOptions, 'tools'>;
}

/** Thinks and uses tools in turn until it answers without a tool call. */
export class ReActAgent {
  readonly name: string;
  readonly memory: Memory;
  readonly #options: ReActAgentOptions;
  readonly #toolkit: Toolkit;

  constructor(options: ReActAgentOptions) {
    this.name = options.name;
    this.memory = options.memory ?? new InMemoryMemory();
    this.#options = options;
    this.#toolkit = options.toolkit ?? new Toolkit();
  }

  /** Hears something without answering. */
  async observe(message: Msg<unknown> | string): Promise<void> {
    await this.memory.add([heard(message)]);
  }

  /**
   * With a `structuredModel` the system prompt asks for JSON of that schema and the answer is checked against it; the model is never
   * forced. What fits is in `metadata`; what does not is told to the model while iterations are left.
   */
  reply(message: Msg<unknown> | string): Promise<Msg>;
  reply<S extends Schema>(message: Msg<unknown> | string, options: { structuredModel: S }): Promise<Msg<Validated<S>>>;
  async reply(message: Msg<unknown> | string, { structuredModel }: { structuredModel?: Schema } = {}): Promise<Msg<unknown>> {
    const { sysPrompt, maxIters = 10 } = this.#options;
    const system: ChatMessage = {
      role: 'system',
      content: structuredModel === undefined ? sysPrompt : `${sysPrompt}\n\n${instruction(structuredModel)}`,
    };
    let news: ChatMessage[] = [heard(message)];
    for (let iteration = 1; ; iteration++) {
      await this.memory.add(news);
      const reply = await this.#think(system);
      await this.memory.add([reply.message]);
      news = await this.#act(reply);
      let result: unknown = null;
      if (news.length === 0 && structuredModel !== undefined) {
        const structured = await readStructured(reply.text, structuredModel);
        if (structured.problem === undefined) result = structured.value;
        else news = [{ role: 'user', content: `${structured.problem} Answer again.` }];
      }
      if (news.length === 0 || iteration === maxIters) {
        if (news[0]?.role === 'tool') await this.memory.add(news);
        return new Msg(this.name, reply.text, 'assistant', { metadata: result, finish: reply.finish });
      }
    }
  }

  async #think(system: ChatMessage): Promise<ChatReply> {
    return this.#options.model.call([system, ...(await this.memory.messages())], { ...this.#options.callOptions, tools: this.#toolkit.definitions });
  }

  /** What the agent reads next; nothing when it has answered. */
  async #act(reply: ChatReply): Promise<ChatMessage[]> {
    if (reply.malformed !== undefined) return [{ role: 'user', content: reply.malformed }];
    return Promise.all(reply.toolCalls.map(async (call): Promise<ChatMessage> => {
      const { text } = await this.#toolkit.call(call);
      return { role: 'tool', tool_call_id: call.id, content: text };
    }));
  }
}

/** What another agent said is, to this one, said by a user. */
function heard(message: Msg<unknown> | string): ChatMessage {
  if (typeof message === 'string') return { role: 'user', content: message };
  return toChatMessage(message.role === 'assistant' ? new Msg(message.name, message.content, 'user') : message);
}

function instruction(schema: Schema): string {
  return `Answer with JSON that fits this schema: ${JSON.stringify(jsonSchemaOf(schema, 'structuredModel'))}`;
}

async function readStructured(text: string, schema: Schema): Promise<{ value: unknown; problem?: undefined } | { problem: string }> {
  let problem = 'Your answer holds no JSON.';
  for (const candidate of jsonIn(text)) {
    const checked = await check(schema, candidate);
    if (checked.problem === undefined) return checked;
    problem = `Your answer does not fit the schema: ${checked.problem}.`;
  }
  return { problem };
}

/** JSON in an answer: all of it, a fenced block, or the objects among its words, the last one first. */
function* jsonIn(text: string): Generator<unknown> {
  const fenced = [...text.matchAll(/```(?:json)?[^\S\n]*\n(.*?)```/gs)].map((match) => match[1]!);
  for (const candidate of [text, ...fenced.reverse(), ...objectsIn(text).reverse()]) {
    try {
      yield JSON.parse(candidate);
    } catch {
      // Words.
    }
  }
}

/** A model that has got stuck may open one after the other, and for each all that follows is read. */
const MOST_OPEN = 100;

/** Spans from a `{` to the `}` that closes it, braces inside strings left out of the count. */
function objectsIn(text: string): string[] {
  const found: string[] = [];
  let open = 0;
  for (let start = text.indexOf('{'); start !== -1 && open < MOST_OPEN; start = text.indexOf('{', start + 1)) {
    const end = closingBrace(text, start);
    if (end === -1) {
      open++;
      continue;
    }
    found.push(text.slice(start, end + 1));
    start = end;
  }
  return found;
}

function closingBrace(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at;
  }
  return -1;
}
