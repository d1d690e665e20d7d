import type { ToolCall, ToolDefinition } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { JsonSchema } from '../protocol/json.ts';
import { callSite } from './call-site.ts';
import { currentRollout, isToolError, ToolError } from './context.ts';
import { check, jsonSchemaOf, type Schema, type Validated } from './schema.ts';

export interface ToolContext {
  /** Aborted when the rollout is cancelled or out of time. */
  signal: AbortSignal;
}

/** A tool as an agent's model sees it, and what runs when it is called. */
export interface Tool {
  readonly definition: ToolDefinition;
  /** Takes the arguments as the model wrote them. What it throws is told to the model. */
  run(args: string, context: ToolContext): Promise<string>;
}

export interface ToolOptions<Parameters extends Schema | JsonSchema> {
  name: string;
  description: string;
  /** A zod schema types the arguments of `run`; a JSON Schema is sent to the model as it is. */
  parameters?: Parameters;
  /** A result that is not a string is told to the model as JSON. */
  run(args: Validated<Parameters>, context: ToolContext): unknown;
}

const noParameters: JsonSchema = { type: 'object', properties: {} };

export function tool<Parameters extends Schema | JsonSchema>(options: ToolOptions<Parameters>): Tool {
  const { name, description } = options;
  const parameters = options.parameters ?? noParameters;
  return {
    definition: { type: 'function', function: { name, description, parameters: jsonSchemaOf(parameters, `the tool "${name}"`) } },
    async run(args, context) {
      const checked = await check(parameters, parseArguments(args));
      if (checked.problem !== undefined) throw new ToolError(`Error: the arguments of ${name} don't fit: ${checked.problem}`);
      const result = await options.run(checked.value as Validated<Parameters>, context);
      return typeof result === 'string' ? result : (JSON.stringify(result) ?? '');
    },
  };
}

function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text.trim() === '' ? '{}' : text);
  } catch (error) {
    throw new ToolError(`Error: the arguments are not JSON: ${(error as Error).message}`);
  }
}

export interface ToolResult {
  text: string;
  /** The tool failed, and `text` says how. */
  error: boolean;
}

/** The tools of an agent. In a rollout every call is traced, and a replay answers from the trace. */
export class Toolkit {
  readonly #tools = new Map<string, Tool>();

  constructor(tools: readonly Tool[] = []) {
    for (const each of tools) this.register(each);
  }

  register(added: Tool): this {
    const { name } = added.definition.function;
    if (this.#tools.has(name)) {
      throw new TuningForkError('tool', `This toolkit has a tool "${name}" already.`, {
        where: callSite(Toolkit.prototype.register).place, next: 'Give one of the two another name.',
      });
    }
    this.#tools.set(name, added);
    return this;
  }

  get definitions(): ToolDefinition[] {
    return [...this.#tools.values()].map((each) => each.definition);
  }

  /** Never rejects because of the tool: an agent should read what went wrong and try again. */
  async call({ function: { name, arguments: args } }: ToolCall): Promise<ToolResult> {
    const rollout = currentRollout();
    const execute = (): Promise<string> => this.#execute(name, args, rollout?.signal ?? new AbortController().signal);
    try {
      const text = rollout === undefined ? await execute()
        : await rollout.tools.run(name, args, callSite(Toolkit.prototype.call).stack, execute);
      return { text, error: false };
    } catch (error) {
      if (!isToolError(error)) throw error;
      return { text: error.message, error: true };
    }
  }

  async #execute(name: string, args: string, signal: AbortSignal): Promise<string> {
    try {
      const called = this.#tools.get(name);
      if (called === undefined) throw new ToolError(`Error: there is no tool "${name}". Tools: ${[...this.#tools.keys()].join(', ')}`);
      return await called.run(args, { signal });
    } catch (error) {
      // A model call inside the tool failed, or the rollout is over: that is not for the agent to repair.
      if (isToolError(error) || error instanceof TuningForkError || signal.aborted) throw error;
      throw new ToolError(`Error: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
