/** A chat completion as it is asked for over HTTP, checked. No editor here. */
import type { ChatMessage, ToolCall, ToolDefinition } from '../../runtime/protocol/chat.ts';
import { LendingError, type Asked } from './lender.ts';

export interface CompletionRequest extends Asked {
  model: string;
  stream: boolean;
  /** A stream tells its usage only where it is asked to. */
  usage: boolean;
}

/** Sampling that VS Code's models take, under the names they have it. */
const OPTIONS = ['temperature', 'top_p', 'max_tokens', 'stop', 'seed'] as const;

export function readCompletionRequest(body: unknown): CompletionRequest {
  const { model, messages, tools, tool_choice: choice, stream, stream_options: streaming, ...rest } = asObject(body, 'The request');
  if (typeof model !== 'string') throw refused('`model` must be a text.');
  if (!Array.isArray(messages) || messages.length === 0) throw refused('`messages` must be a list of at least one.');
  if (tools !== undefined && !Array.isArray(tools)) throw refused('`tools` must be a list.');
  return {
    model, messages: messages.map(readMessage), tools: choice === 'none' ? [] : (tools ?? []) as ToolDefinition[],
    mustCall: choice === 'required' || (typeof choice === 'object' && choice !== null),
    options: Object.fromEntries(OPTIONS.filter((name) => rest[name] !== undefined && rest[name] !== null).map((name) => [name, rest[name]])),
    stream: stream === true, usage: (streaming as { include_usage?: unknown } | undefined)?.include_usage === true,
  };
}

function readMessage(value: unknown, index: number): ChatMessage {
  const { role, content, tool_calls: calls, tool_call_id: id } = asObject(value, `messages[${index}]`);
  if (role !== 'system' && role !== 'developer' && role !== 'user' && role !== 'assistant' && role !== 'tool') throw refused(`\`messages[${index}].role\` is none that is known.`);
  return {
    role: role === 'developer' ? 'system' : role, content: textOf(content),
    ...(Array.isArray(calls) && { tool_calls: calls as ToolCall[] }), ...(typeof id === 'string' && { tool_call_id: id }),
  };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { type?: unknown; text?: unknown }) => {
    if (part?.type === 'text' && typeof part.text === 'string') return part.text;
    throw refused('Only text can be sent to a model of VS Code.');
  }).join('');
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refused(`${what} must be an object.`);
}

function refused(message: string): LendingError {
  return new LendingError(400, message);
}
