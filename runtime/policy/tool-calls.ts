import type { ToolDefinition } from '../protocol/chat.ts';
import type { ParsedAnswer } from './policy.ts';

/**
 * Reads an assistant's answer: thinking, content and tool calls in the styles open models are trained on.
 * - Hermes and Qwen: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, as often as wanted
 * - Qwen-Coder and Llama: `<function=name>{...}</function>`, or `<parameter=key>value</parameter>` inside
 * - Llama: `<|python_tag|>{"name": ..., "parameters": {...}}`, or that JSON as the whole answer; several split by `;`
 * What looks like a call and cannot be read stays text, with one sentence the agent can react to. Never throws.
 */
export function parseAnswer(text: string, tools: readonly ToolDefinition[] | undefined): ParsedAnswer {
  const { reasoning, rest } = splitThinking(text);
  const answer: ParsedAnswer = tools && tools.length > 0 ? parseCalls(rest, tools) : { content: rest, toolCalls: [] };
  return reasoning === undefined ? answer : { ...answer, reasoning };
}

function splitThinking(text: string): { reasoning?: string; rest: string } {
  const open = /^\s*<think>/.exec(text);
  const close = text.indexOf('</think>');
  if (!open && close < 0) return { rest: text };
  const start = open ? open[0].length : 0;  // some templates write <think> into the prompt
  const reasoning = (close < 0 ? text.slice(start) : text.slice(start, Math.max(start, close))).trim();
  return { reasoning, rest: close < 0 ? '' : text.slice(close + '</think>'.length).replace(/^\s+/, '') };
}

/** Where one of these begins, what follows may be a call and no text. */
export const CALL_OPENINGS = ['<tool_call>', '<function=', '<|python_tag|>'] as const;

type Call = ParsedAnswer['toolCalls'][number];

/** One sentence about a call that cannot be read. */
class Unreadable {
  readonly sentence: string;

  constructor(sentence: string) {
    this.sentence = sentence;
  }
}

function parseCalls(text: string, tools: readonly ToolDefinition[]): ParsedAnswer {
  if (text.includes('<tool_call>') || text.includes('<function=')) return parseTagged(text, tools);
  const tag = text.indexOf('<|python_tag|>');
  if (tag >= 0) return parseJsonCalls(text, text.slice(0, tag), text.slice(tag + '<|python_tag|>'.length));
  if (isBareCall(text, tools)) return parseJsonCalls(text, '', text);
  return { content: text, toolCalls: [] };
}

const taggedCall = /<tool_call>([\s\S]*?)(?:<\/tool_call>|(?=<tool_call>)|$)|(<function=[\s\S]*?(?:<\/function>|$))/g;

function parseTagged(text: string, tools: readonly ToolDefinition[]): ParsedAnswer {
  const toolCalls: Call[] = [];
  const problems: string[] = [];
  const content = text.replace(taggedCall, (whole: string, inTag: string | undefined, inFunction: string | undefined) => {
    const body = (inTag ?? inFunction ?? '').trim();
    const call = body.startsWith('<function=') ? readFunction(body, tools) : readJsonCall(body);
    if (!(call instanceof Unreadable)) {
      toolCalls.push(call);
      return '';
    }
    problems.push(call.sentence);
    return whole;
  });
  return { content: toolCalls.length > 0 ? content.trim() : content, toolCalls, ...malformed(problems) };
}

function parseJsonCalls(text: string, before: string, calls: string): ParsedAnswer {
  const toolCalls: Call[] = [];
  const problems: string[] = [];
  for (const statement of splitStatements(calls)) {
    const call = readJsonCall(statement);
    if (call instanceof Unreadable) problems.push(call.sentence);
    else toolCalls.push(call);
  }
  if (problems.length > 0) return { content: text, toolCalls: [], ...malformed(problems) };
  return { content: before.trim(), toolCalls };
}

/** An answer in JSON is a call only if it names a tool: agents are also asked for JSON as such. */
function isBareCall(text: string, tools: readonly ToolDefinition[]): boolean {
  const start = /^\s*\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"name"\s*:\s*"([^"\\]*)"/.exec(text);
  return start !== null && tools.some((tool) => tool.function.name === start[1]);
}

/** Splits `{...}; {...}` outside of strings. */
function splitStatements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, inString = false, from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{') depth++;
    else if (character === '}') depth--;
    else if (character === ';' && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  parts.push(text.slice(from).trim());
  const stated = parts.filter((part) => part !== '');
  return stated.length > 0 ? stated : [''];
}

function readJsonCall(text: string): Call | Unreadable {
  if (text === '') return new Unreadable('The tool call is empty: write {"name": <tool>, "arguments": {...}}.');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return new Unreadable(`The tool call is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) return new Unreadable('The tool call must be a JSON object with "name" and "arguments".');
  if (typeof value.name !== 'string' || value.name === '') return new Unreadable('The tool call has no "name" of a tool.');
  return withArguments(value.name, value.arguments ?? value.parameters ?? {});
}

function withArguments(name: string, value: unknown): Call | Unreadable {
  if (isObject(value)) return { name, arguments: JSON.stringify(value) };
  if (typeof value === 'string') {  // arguments as a string of JSON, as they travel in the API
    try {
      const inner = parseJson(value);
      if (isObject(inner)) return { name, arguments: JSON.stringify(inner) };
    } catch { /* said below */ }
  }
  return new Unreadable(`The arguments of the tool call "${name}" must be a JSON object.`);
}

function readFunction(text: string, tools: readonly ToolDefinition[]): Call | Unreadable {
  const head = /^<function=([^>\s]+)\s*>/.exec(text);
  if (!head) return new Unreadable('The tool call has no name: write <function=name>{...}</function>.');
  const name = head[1]!;
  const body = text.slice(head[0].length).replace(/<\/function>\s*$/, '').trim();
  if (body === '') return withArguments(name, {});
  if (!body.startsWith('<parameter=')) return withArguments(name, body);
  const properties = tools.find((tool) => tool.function.name === name)?.function.parameters?.properties;
  const entries: [string, unknown][] = [];
  for (const [, key, value] of body.matchAll(/<parameter=([^>\s]+)\s*>\n?([\s\S]*?)(?:\n?<\/parameter>|$)/g)) {
    const schema = isObject(properties) ? properties[key!] : undefined;
    entries.push([key!, isObject(schema) && schema.type === 'string' ? value : jsonOrText(value!)]);
  }
  if (entries.length === 0) return new Unreadable(`The parameters of the tool call "${name}" cannot be read.`);
  return { name, arguments: JSON.stringify(Object.fromEntries(entries)) };
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Numbers keep their spelling, so that a long id does not lose its last digits on the way to the tool. */
function parseJson(text: string): unknown {
  return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
}

const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };

function exactNumber(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === 'number' && source !== undefined && source !== String(value) ? rawJSON(source) : value;
}

function malformed(problems: readonly string[]): { malformed?: string } {
  return problems.length > 0 ? { malformed: problems[0] } : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
