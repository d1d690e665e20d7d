import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import type { ChatMessage, ToolDefinition } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { ChatFormat, ParsedAnswer, Tokenizer } from './policy.ts';
import { parseAnswer } from './tool-calls.ts';

/** A chat format and where its template came from. */
export interface LoadedChatFormat extends ChatFormat {
  readonly source: 'chat_template.jinja' | 'tokenizer_config.json' | 'default ChatML';
}

/** ChatML with Hermes tool calls, for a directory that brings no template. */
export const defaultTemplate = `
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- 'You may call these tools:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\nCall one by writing\\n<tool_call>\\n{"name": <name>, "arguments": <object>}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif not (tools and loop.first and message.role == 'system') %}
{{- '<|im_start|>' + message.role + '\\n' + message.content }}
{%- for call in message.tool_calls or [] %}
{%- if message.content or not loop.first %}{{- '\\n' }}{%- endif %}
{{- '<tool_call>\\n{"name": ' + (call.function.name | tojson) + ', "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`.trimStart();

interface TokenizerConfig {
  chat_template?: string | { name: string; template: string }[];
  bos_token?: string | { content: string } | null;
  eos_token?: string | { content: string } | null;
}

interface EndConfig {
  eos_token_id?: number | number[] | null;
}

export async function loadChatFormat(directory: string, tokenizer: Tokenizer): Promise<LoadedChatFormat> {
  const [jinja, tokenizerConfig, generation, config] = await Promise.all([
    readOptional(join(directory, 'chat_template.jinja')),
    readJson<TokenizerConfig>(join(directory, 'tokenizer_config.json')),
    readJson<EndConfig>(join(directory, 'generation_config.json')),
    readJson<EndConfig>(join(directory, 'config.json')),
  ]);
  const stated = tokenizerConfig?.chat_template;
  const named: Record<string, string | undefined> = Array.isArray(stated) ? Object.fromEntries(stated.map(({ name, template }) => [name, template])) : { default: stated };
  const template = jinja ?? named.default;
  const source = jinja !== undefined ? 'chat_template.jinja' : template !== undefined ? 'tokenizer_config.json' : 'default ChatML';

  const bos = tokenText(tokenizerConfig?.bos_token), eos = tokenText(tokenizerConfig?.eos_token);
  const endNames = source === 'default ChatML' ? [eos, '<|im_end|>'] : [eos];
  const stopIds = new Set([
    ...[generation?.eos_token_id, config?.eos_token_id].flat().filter((id) => typeof id === 'number'),
    ...endNames.map((name) => name === undefined ? undefined : tokenizer.idOf(name)).filter((id) => id !== undefined),
  ]);
  return new TemplateChatFormat({
    source, stopIds,
    template: template ?? defaultTemplate,
    toolTemplate: jinja === undefined ? named.tool_use : undefined,
    variables: { ...(bos !== undefined && { bos_token: bos }), ...(eos !== undefined && { eos_token: eos }) },
    file: join(directory, source === 'default ChatML' ? 'chat_template.jinja' : source),
  });
}

export interface TemplateOptions {
  source: LoadedChatFormat['source'];
  template: string;
  toolTemplate?: string;
  variables: Record<string, string>;
  stopIds: ReadonlySet<number>;
  file: string;
}

export class TemplateChatFormat implements LoadedChatFormat {
  readonly sha256: string;
  readonly source: LoadedChatFormat['source'];
  readonly stopIds: ReadonlySet<number>;
  readonly #template: Template;
  readonly #toolTemplate: Template;
  readonly #variables: Record<string, string>;
  readonly #file: string;

  constructor(options: TemplateOptions) {
    this.source = options.source;
    this.stopIds = options.stopIds;
    this.#variables = options.variables;
    this.#file = options.file;
    this.#template = this.#compile(options.template);
    this.#toolTemplate = options.toolTemplate === undefined ? this.#template : this.#compile(options.toolTemplate);
    this.sha256 = createHash('sha256').update(options.template).update(options.toolTemplate ?? '').digest('hex');
  }

  #compile(template: string): Template {
    try {
      return new Template(template);
    } catch (cause) {
      throw new TuningForkError('policy', `The chat template does not parse: ${said(cause)}`, {
        where: { file: this.#file }, cause, next: 'Write a template that Jinja accepts into chat_template.jinja.',
      });
    }
  }

  render(messages: readonly ChatMessage[], tools: readonly ToolDefinition[] | undefined, addGenerationPrompt: boolean): string {
    const withTools = tools !== undefined && tools.length > 0;
    try {
      return (withTools ? this.#toolTemplate : this.#template).render({
        ...this.#variables,
        messages: messages.map(templateMessage),
        ...(withTools && { tools }),
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      throw new TuningForkError('model-request', `The model's chat template refuses these messages: ${said(cause)}`, {
        where: { file: this.#file }, cause, next: 'Send the roles in the order this model was trained on.',
      });
    }
  }

  parse(text: string, tools: readonly ToolDefinition[] | undefined): ParsedAnswer {
    return parseAnswer(text, tools);
  }
}

/** Templates expect arguments as an object, and thinking under the name the Qwen family gave it. */
function templateMessage(message: ChatMessage): Record<string, unknown> {
  const { reasoning, tool_calls, ...rest } = message;
  return {
    ...rest,
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(tool_calls && tool_calls.length > 0 && {
      tool_calls: tool_calls.map((call) => ({ ...call, function: { ...call.function, arguments: asObject(call.function.arguments) } })),
    }),
  };
}

function asObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function tokenText(token: TokenizerConfig['bos_token']): string | undefined {
  return typeof token === 'string' ? token : token?.content;
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readJson<T>(file: string): Promise<T | undefined> {
  const content = await readOptional(file);
  if (content === undefined) return undefined;
  try {
    return JSON.parse(content) as T;
  } catch (cause) {
    throw new TuningForkError('policy', `This is not valid JSON: ${said(cause)}`, { where: { file }, cause });
  }
}
