/** A request body as frameworks send it, read into our one form. Written by hand: this runs on every model call. */
import type { ChatMessage, ToolCall, ToolChoice, ToolDefinition } from '../protocol/chat.ts';
import type { JsonSchema } from '../protocol/json.ts';
import { ApiError, badRequest } from './errors.ts';

/** What the client asked for; which of it counts is decided by the session. */
export interface AskedSampling {
  temperature?: number;
  topP?: number;
  topK?: number;
  maxTokens?: number;
  stop?: string[];
  seed?: number;
}

/** Tools by their text: the same text is the same object, so that later comparisons are by identity. */
export interface ToolSet {
  readonly text: string;
  readonly definitions: readonly ToolDefinition[];
}

/** `null`: any JSON object. */
export interface AnswerFormat {
  schema: JsonSchema | null;
}

export interface CallRequest {
  model: string | undefined;
  messages: ChatMessage[];
  tools: ToolSet | undefined;
  toolChoice: ToolChoice | undefined;
  sampling: AskedSampling;
  format: AnswerFormat | undefined;
  stream: boolean;
  includeUsage: boolean;
  logprobs: boolean;
  topLogprobs: number;
  returnTokenIds: boolean;
}

type Raw = { [key: string]: unknown };

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `null` stands for "not given" all over the OpenAI API. */
const given = (value: unknown): boolean => value !== undefined && value !== null;

function kind(value: unknown): string {
  return value === undefined ? 'missing' : value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function readRequest(text: string): CallRequest {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `The request body is not JSON: ${(error as Error).message}.`, { next: 'Send a JSON object with "messages".' });
  }
  if (!isObject(body)) throw new ApiError(400, `The request body is ${kind(body)}, not a JSON object with "messages".`);
  refuse(body);
  const tools = readTools(body.tools);
  const logprobs = readBoolean(body, 'logprobs');
  const streamOptions = isObject(body.stream_options) ? body.stream_options : {};
  return {
    model: typeof body.model === 'string' ? body.model : undefined,
    messages: readMessages(body.messages),
    tools,
    toolChoice: readToolChoice(body.tool_choice, tools),
    sampling: {
      temperature: readNumber(body, 'temperature', 0, 100),
      topP: readNumber(body, 'top_p', 0, 1),
      topK: readInteger(body, 'top_k', -1),
      maxTokens: readInteger(body, 'max_completion_tokens', 1) ?? readInteger(body, 'max_tokens', 1),
      stop: readStop(body.stop),
      seed: readInteger(body, 'seed', Number.MIN_SAFE_INTEGER),
    },
    format: readFormat(body.response_format),
    stream: readBoolean(body, 'stream'),
    includeUsage: readBoolean(streamOptions, 'include_usage', 'stream_options.include_usage'),
    logprobs,
    topLogprobs: readTopLogprobs(body, logprobs),
    returnTokenIds: readBoolean(body, 'return_token_ids'),
  };
}

function refuse(body: Raw): void {
  if (given(body.n) && body.n !== 1) {
    throw badRequest('n', `${JSON.stringify(body.n)} answers in one call are not supported; a call has one answer.`, 'Make n calls; identical calls are sampled separately.');
  }
  if (given(body.functions) || given(body.function_call)) {
    const param = given(body.functions) ? 'functions' : 'function_call';
    throw badRequest(param, 'the legacy function calling of the OpenAI API is not supported.', 'Use "tools" and "tool_choice".');
  }
  if (isObject(body.logit_bias) && Object.keys(body.logit_bias).length > 0) {
    throw badRequest('logit_bias', 'is not supported: nothing may shape the logits that a trainer could not reproduce.', 'Leave it out.');
  }
  if (Array.isArray(body.modalities) && body.modalities.some((one) => one !== 'text')) {
    throw badRequest('modalities', 'only "text" is supported.');
  }
}

function readMessages(raw: unknown): ChatMessage[] {
  if (raw === undefined) throw badRequest('messages', 'is missing.', 'Send an array of messages such as {"role": "user", "content": "..."}.');
  if (!Array.isArray(raw)) throw badRequest('messages', `must be an array, not ${kind(raw)}.`);
  if (raw.length === 0) throw badRequest('messages', 'is empty.', 'Send at least one message.');
  return raw.map(readMessage);
}

function readMessage(raw: unknown, index: number): ChatMessage {
  const at = `messages[${index}]`;
  if (!isObject(raw)) throw badRequest(at, `must be an object, not ${kind(raw)}.`);
  switch (raw.role) {
    case 'system':
    case 'developer':
      return withName({ role: 'system', content: readContent(raw, at).content }, raw);
    case 'user':
      return withName({ role: 'user', content: readContent(raw, at).content }, raw);
    case 'assistant':
      return readAssistant(raw, at);
    case 'tool': {
      if (typeof raw.tool_call_id !== 'string') {
        throw badRequest(`${at}.tool_call_id`, `must be a string, not ${kind(raw.tool_call_id)}.`, 'Name the tool call that this message answers.');
      }
      return withName({ role: 'tool', content: readContent(raw, at).content, tool_call_id: raw.tool_call_id }, raw);
    }
    case 'function':
      throw badRequest(`${at}.role`, '"function" belongs to the legacy function calling, which is not supported.', 'Use role "tool" with "tool_call_id".');
    default:
      throw badRequest(`${at}.role`, `must be "system", "developer", "user", "assistant" or "tool", not ${JSON.stringify(raw.role) ?? 'missing'}.`);
  }
}

function withName(message: ChatMessage, raw: Raw): ChatMessage {
  if (typeof raw.name === 'string' && raw.name !== '') message.name = raw.name;
  return message;
}

function readAssistant(raw: Raw, at: string): ChatMessage {
  if (given(raw.function_call)) {
    throw badRequest(`${at}.function_call`, 'the legacy function calling of the OpenAI API is not supported.', 'Use "tool_calls".');
  }
  const calls = readToolCalls(raw.tool_calls, at);
  const { content, reasoning: inParts } = raw.content === undefined ? { content: '', reasoning: undefined } : readContent(raw, at);
  const message: ChatMessage = { role: 'assistant', content };
  const reasoning = typeof raw.reasoning_content === 'string' ? raw.reasoning_content : typeof raw.reasoning === 'string' ? raw.reasoning : inParts;
  if (reasoning !== undefined && reasoning !== '') message.reasoning = reasoning;
  if (calls !== undefined) message.tool_calls = calls;
  return withName(message, raw);
}

function readToolCalls(raw: unknown, at: string): ToolCall[] | undefined {
  if (!given(raw)) return undefined;
  if (!Array.isArray(raw)) throw badRequest(`${at}.tool_calls`, `must be an array, not ${kind(raw)}.`);
  if (raw.length === 0) return undefined;
  return raw.map((call: unknown, index) => {
    const path = `${at}.tool_calls[${index}]`;
    if (!isObject(call)) throw badRequest(path, `must be an object, not ${kind(call)}.`);
    if (given(call.type) && call.type !== 'function') throw badRequest(`${path}.type`, `must be "function", not ${JSON.stringify(call.type)}.`);
    if (typeof call.id !== 'string') throw badRequest(`${path}.id`, `must be a string, not ${kind(call.id)}.`);
    if (!isObject(call.function)) throw badRequest(`${path}.function`, `must be an object, not ${kind(call.function)}.`);
    const { name, arguments: args } = call.function;
    if (typeof name !== 'string') throw badRequest(`${path}.function.name`, `must be a string, not ${kind(name)}.`);
    if (typeof args !== 'string' && !isObject(args)) throw badRequest(`${path}.function.arguments`, `must be a string of JSON, not ${kind(args)}.`);
    return { id: call.id, type: 'function' as const, function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) } };
  });
}

/** Content is a string, null, or an array of parts, of which only text counts. Keys that frameworks leak into parts fall away here. */
function readContent(raw: Raw, at: string): { content: string; reasoning: string | undefined } {
  const content = raw.content;
  if (typeof content === 'string') return { content, reasoning: undefined };
  if (content === null) return { content: '', reasoning: undefined };
  if (content === undefined) throw badRequest(`${at}.content`, 'is missing.');
  if (!Array.isArray(content)) throw badRequest(`${at}.content`, `must be a string or an array of parts, not ${kind(content)}.`);
  let text = '';
  let reasoning: string | undefined;
  for (let index = 0; index < content.length; index++) {
    const part: unknown = content[index];
    const path = `${at}.content[${index}]`;
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    if (!isObject(part)) throw badRequest(path, `must be an object, not ${kind(part)}.`);
    switch (part.type) {
      case 'text':
      case 'input_text':
      case 'output_text':
        text += partText(part, 'text', path);
        break;
      case 'refusal':
        text += partText(part, 'refusal', path);
        break;
      case 'reasoning':
      case 'thinking':
        reasoning = (reasoning ?? '') + partText(part, part.type === 'thinking' ? 'thinking' : 'text', path);
        break;
      case 'image_url':
      case 'input_image':
      case 'image':
        throw badRequest(path, 'is an image, and this model reads text only.', 'Send text, for example a description of the image.');
      default:
        throw badRequest(`${path}.type`, `${JSON.stringify(part.type) ?? 'missing'} is not supported; only "text" parts are.`);
    }
  }
  return { content: text, reasoning };
}

function partText(part: Raw, key: string, path: string): string {
  const text = part[key];
  if (typeof text !== 'string') throw badRequest(`${path}.${key}`, `must be a string, not ${kind(text)}.`);
  return text;
}

const KEPT_TOOL_SETS = 256;
const toolSets = new Map<string, ToolSet>();

function readTools(raw: unknown): ToolSet | undefined {
  if (!given(raw)) return undefined;
  if (!Array.isArray(raw)) throw badRequest('tools', `must be an array, not ${kind(raw)}.`);
  if (raw.length === 0) return undefined;
  return toolSet(JSON.stringify(raw), () => raw.map(readTool));
}

function toolSet(text: string, read: () => ToolDefinition[]): ToolSet {
  const known = toolSets.get(text);
  if (known !== undefined) return known;
  const set: ToolSet = { text, definitions: read() };
  if (toolSets.size >= KEPT_TOOL_SETS) toolSets.delete(toolSets.keys().next().value!);
  toolSets.set(text, set);
  return set;
}

function readTool(raw: unknown, index: number): ToolDefinition {
  const at = `tools[${index}]`;
  if (!isObject(raw)) throw badRequest(at, `must be an object, not ${kind(raw)}.`);
  if (raw.type !== 'function') throw badRequest(`${at}.type`, `must be "function", not ${JSON.stringify(raw.type) ?? 'missing'}.`);
  if (!isObject(raw.function)) throw badRequest(`${at}.function`, `must be an object, not ${kind(raw.function)}.`);
  const { name, description, parameters } = raw.function;
  if (typeof name !== 'string' || name === '') throw badRequest(`${at}.function.name`, 'must be a string that is not empty.');
  if (given(parameters) && !isObject(parameters)) throw badRequest(`${at}.function.parameters`, `must be a JSON Schema object, not ${kind(parameters)}.`);
  const tool: ToolDefinition = { type: 'function', function: { name } };
  if (typeof description === 'string') tool.function.description = description;
  if (isObject(parameters)) tool.function.parameters = parameters;
  return tool;
}

function readToolChoice(raw: unknown, tools: ToolSet | undefined): ToolChoice | undefined {
  if (!given(raw)) return undefined;
  if (raw === 'auto' || raw === 'none' || raw === 'required') return raw;
  if (!isObject(raw) || raw.type !== 'function' || !isObject(raw.function) || typeof raw.function.name !== 'string') {
    throw badRequest('tool_choice', 'must be "auto", "none", "required" or {"type": "function", "function": {"name": "..."}}.');
  }
  const name = raw.function.name;
  if (!tools?.definitions.some((tool) => tool.function.name === name)) {
    throw badRequest('tool_choice.function.name', `${JSON.stringify(name)} is not one of the tools of this request.`);
  }
  return { type: 'function', function: { name } };
}

function readFormat(raw: unknown): AnswerFormat | undefined {
  if (!given(raw)) return undefined;
  if (isObject(raw) && raw.type === 'text') return undefined;
  if (isObject(raw) && raw.type === 'json_object') return { schema: null };
  if (isObject(raw) && raw.type === 'json_schema') {
    const schema = isObject(raw.json_schema) ? raw.json_schema.schema : undefined;
    if (!isObject(schema)) throw badRequest('response_format.json_schema.schema', `must be a JSON Schema object, not ${kind(schema)}.`);
    return { schema };
  }
  throw badRequest('response_format.type', 'must be "text", "json_object" or "json_schema".');
}

function readStop(raw: unknown): string[] | undefined {
  if (!given(raw)) return undefined;
  const stops: unknown[] = Array.isArray(raw) ? raw : [raw];
  if (stops.length > 16) throw badRequest('stop', `has ${stops.length} strings; at most 16 are supported.`);
  for (const stop of stops) {
    if (typeof stop !== 'string' || stop === '') throw badRequest('stop', 'must be a string or an array of strings, none of them empty.');
  }
  return stops.length === 0 ? undefined : (stops as string[]);
}

function readTopLogprobs(body: Raw, logprobs: boolean): number {
  const top = readInteger(body, 'top_logprobs', 0) ?? 0;
  if (top > 20) throw badRequest('top_logprobs', `must be at most 20, not ${top}.`);
  if (top > 0 && !logprobs) throw badRequest('top_logprobs', 'needs "logprobs": true.');
  return top;
}

function readBoolean(body: Raw, key: string, path = key): boolean {
  const value = body[key];
  if (!given(value)) return false;
  if (typeof value !== 'boolean') throw badRequest(path, `must be true or false, not ${kind(value)}.`);
  return value;
}

function readNumber(body: Raw, key: string, least: number, most: number): number | undefined {
  const value = body[key];
  if (!given(value)) return undefined;
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw badRequest(key, `must be a number from ${least} to ${most}, not ${JSON.stringify(value)}.`);
  }
  return value;
}

function readInteger(body: Raw, key: string, least: number): number | undefined {
  const value = body[key];
  if (!given(value)) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
    const bound = least === Number.MIN_SAFE_INTEGER ? '' : ` of at least ${least}`;
    throw badRequest(key, `must be a whole number${bound}, not ${JSON.stringify(value)}.`);
  }
  return value;
}
