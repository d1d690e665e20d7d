import type { ChatMessage, ToolCall } from '../protocol/chat.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';

/** What is wrong with a row, in a few words. */
export class RowError extends Error {
  readonly key: string | undefined;

  constructor(message: string, key?: string) {
    super(message);
    this.key = key;
  }
}

/** Where the query stands, the first that is there. `main_query` is AgentJet's; the others are common in data sets. */
const QUERY_KEYS = ['main_query', 'question', 'problem', 'prompt'] as const;

export interface RowKeys {
  /** Of the metadata: what only the judge may see. */
  labelKey?: string | undefined;
  /** Where the query stands, if not under one of the usual names. */
  queryKey?: string | undefined;
  /** For a task whose messages don't begin with one. */
  systemPrompt?: string | undefined;
}

/** AgentJet's reading of one row: every key may be missing, and the metadata is then the whole row. */
export function taskOfRow(row: Json, index: number, { labelKey, queryKey, systemPrompt }: RowKeys = {}): Task {
  if (!isObject(row)) throw new RowError(`this is ${kindOf(row)}, and a task is a JSON object { … }`);
  if (isText(row.user_prompt)) return osmosisTask(row, index, row.user_prompt, { labelKey, systemPrompt });
  const metadata = optional(row, 'metadata', isObject, 'an object') ?? row;
  const task: Task = {
    taskId: taskId(row, index),
    mainQuery: query(row, queryKey),
    initMessages: begun(messages(row), systemPrompt),
    envType: optional(row, 'env_type', isText, 'text') ?? 'no_env',
    metadata,
  };
  if (labelKey === undefined) return task;
  if (!Object.hasOwn(metadata, labelKey)) throw new RowError(`the label \`${labelKey}\` (label_key) is missing`, labelKey);
  const { [labelKey]: label, ...rest } = metadata;
  return { ...task, metadata: rest, label };
}

/** Osmosis' columns: system_prompt, user_prompt, ground_truth (or label, or what the configuration says), metadata. The answer is for the grader alone. */
function osmosisTask(row: JsonObject, index: number, prompt: string, { labelKey, systemPrompt }: RowKeys): Task {
  const system = optional(row, 'system_prompt', isText, 'text');
  const label = row.ground_truth ?? row.label ?? (labelKey === undefined ? undefined : row[labelKey]);
  if (labelKey !== undefined && label === undefined) throw new RowError(`the label \`${labelKey}\` (label_key) is missing`, labelKey);
  return {
    taskId: taskId(row, index),
    mainQuery: prompt,
    initMessages: begun([{ role: 'user', content: prompt }], system ?? systemPrompt),
    envType: optional(row, 'env_type', isText, 'text') ?? 'no_env',
    metadata: optional(row, 'metadata', isObject, 'an object') ?? {},
    ...(label !== undefined && label !== null && { label }),
  };
}

function taskId(row: JsonObject, index: number): string {
  const id = row.task_id;
  if (id === undefined || id === null) return `task_${index}`;
  if (typeof id === 'number') return String(id);
  if (typeof id === 'string' && id !== '') return id;
  throw new RowError(`\`task_id\` must be text or a number, but is ${kindOf(id)}`, 'task_id');
}

function begun(given: ChatMessage[], systemPrompt: string | undefined): ChatMessage[] {
  return systemPrompt === undefined || given[0]?.role === 'system' ? given : [{ role: 'system', content: systemPrompt }, ...given];
}

function query(row: JsonObject, queryKey: string | undefined): string {
  if (queryKey !== undefined && !Object.hasOwn(row, queryKey)) throw new RowError(`the query \`${queryKey}\` (query_key) is missing`, queryKey);
  const key = queryKey ?? QUERY_KEYS.find((name) => row[name] !== undefined && row[name] !== null);
  return key === undefined ? '[not defined]' : optional(row, key, isText, 'text') ?? '';
}

const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'];

function messages(row: JsonObject): ChatMessage[] {
  const list = optional(row, 'init_messages', isList, 'a list of messages') ?? [];
  return list.map((message, i) => {
    const at = `init_messages[${i}]`;
    if (!isObject(message)) throw new RowError(`\`${at}\` must be a message { role, content }, but is ${kindOf(message)}`, at);
    const { role, name, tool_call_id: callId, tool_calls: calls } = message;
    if (typeof role !== 'string' || !ROLES.includes(role)) throw new RowError(`\`${at}.role\` must be one of ${ROLES.join(', ')}`, at);
    return {
      role: role as ChatMessage['role'],
      content: content(message.content, at),
      ...(typeof name === 'string' && { name }),
      ...(typeof callId === 'string' && { tool_call_id: callId }),
      ...(calls !== undefined && calls !== null && { tool_calls: toolCalls(calls, at) }),
    };
  });
}

function content(value: Json | undefined, at: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  const parts = isList(value) ? value.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : undefined)) : [undefined];
  if (parts.includes(undefined)) throw new RowError(`\`${at}.content\` must be text or a list of text parts`, at);
  return parts.join('');
}

function toolCalls(value: Json, at: string): ToolCall[] {
  const calls = isList(value) ? value : [undefined];
  return calls.map((call) => {
    const { id, function: called } = isObject(call) ? call : {};
    if (typeof id !== 'string' || !isObject(called) || typeof called.name !== 'string' || typeof called.arguments !== 'string') {
      throw new RowError(`\`${at}.tool_calls\` must be a list of { id, type, function: { name, arguments } }`, at);
    }
    return { id, type: 'function', function: { name: called.name, arguments: called.arguments } };
  });
}

function optional<T extends Json>(row: JsonObject, key: string, is: (value: Json | undefined) => value is T, wanted: string): T | undefined {
  const value = row[key];
  if (value === undefined || value === null) return undefined;
  if (!is(value)) throw new RowError(`\`${key}\` must be ${wanted}, but is ${kindOf(value)}`, key);
  return value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is Json[] {
  return Array.isArray(value);
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string';
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return { object: 'an object', string: 'text', number: 'a number', boolean: 'true or false' }[typeof value as 'object' | 'string' | 'number' | 'boolean'];
}
