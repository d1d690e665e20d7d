import type OpenAI from 'openai';
import type { Place } from '../protocol/errors.ts';
import { callSite } from './call-site.ts';
import type { AISDKModel, LangChainModel, MastraModel, OpenAIAgentsModel, StrandsModel } from './framework-types.ts';
import { installedMajor, loadInstalled, type Wanted } from './installed.ts';
import { endingBlocks } from './strands.ts';

/** Ours ends with the rollout; a debugger may hold a call for hours. Timers don't go further. */
export const NEVER_MS = 2 ** 31 - 1;

const openAIAgents: Wanted = { framework: 'asOpenAIAgents()', specifier: '@openai/agents', majors: ['0'], install: 'npm install @openai/agents', exports: 'OpenAIChatCompletionsModel' };
const strands: Wanted = { framework: 'asStrands()', specifier: '@strands-agents/sdk/models/openai', majors: ['1'], install: 'npm install @strands-agents/sdk openai @modelcontextprotocol/sdk', exports: 'OpenAIModel' };
const langChain: Wanted = { framework: 'asLangChain()', specifier: '@langchain/openai', majors: ['0.6', '1'], install: 'npm install @langchain/openai @langchain/core', exports: 'ChatOpenAI' };

/**
 * A model as each framework's own model object, made with what the project has installed. The sampling of a role that is trained is the
 * configuration's, whatever these objects are told.
 */
export abstract class FrameworkModels {
  /** For any OpenAI client in any language; `model` may be any name. */
  abstract readonly baseURL: string;
  abstract readonly apiKey: string;
  abstract readonly model: string;
  /** For clients that take one: it never gives up on a call that is held, ends with the rollout, and tells the line of user code. */
  abstract readonly fetch: typeof fetch;
  /** A client of the `openai` package. */
  abstract asOpenAI(): OpenAI;
  /** A file of the project: what it has installed is looked for from there. */
  readonly #file: string;

  constructor(file = `${process.cwd()}/package.json`) {
    this.#file = file;
  }

  /** A `Model` of the OpenAI Agents SDK (`@openai/agents`). */
  asOpenAIAgents(): OpenAIAgentsModel {
    return this.#make(openAIAgents, callSite(this.asOpenAIAgents).place, this.asOpenAI(), this.model);
  }

  /** A `LanguageModel` of the AI SDK (`ai`), by `@ai-sdk/openai-compatible`. */
  asAISDK(): AISDKModel {
    const { baseURL, apiKey, fetch } = this;
    const create = this.#load(aiSDK(installedMajor('ai', this.#file)), callSite(this.asAISDK).place) as (options: object) => { chatModel(name: string): AISDKModel };
    return create({ name: this.model, baseURL, apiKey, fetch, includeUsage: true, supportsStructuredOutputs: true }).chatModel(this.model);
  }

  /** An `OpenAIModel` of Strands Agents (`@strands-agents/sdk`). */
  asStrands(): StrandsModel {
    const Model = endingBlocks(this.#load(strands, callSite(this.asStrands).place) as new (options: object) => StrandsModel);
    return new Model({ api: 'chat', modelId: this.model, client: this.asOpenAI() });
  }

  /** A `ChatOpenAI` of LangChain, which LangGraph takes too (`@langchain/openai`). */
  asLangChain(): LangChainModel {
    const { baseURL, apiKey, fetch } = this;
    return this.#make(langChain, callSite(this.asLangChain).place, {
      model: this.model, apiKey, useResponsesApi: false, timeout: NEVER_MS, configuration: { baseURL, fetch, organization: null, project: null },
    });
  }

  /** What Mastra (`@mastra/core`) takes as an agent's `model`; it brings a client of its own. */
  asMastra(): MastraModel {
    return { id: `${this.model}/${this.model}`, url: this.baseURL, apiKey: this.apiKey, headers: {} };
  }

  #load(wanted: Wanted, where: Place | undefined): unknown {
    return loadInstalled(wanted, this.#file, where);
  }

  #make<Model>(wanted: Wanted, where: Place | undefined, ...args: unknown[]): Model {
    const Class = this.#load(wanted, where) as new (...args: unknown[]) => Model;
    return new Class(...args);
  }
}

/** Which came with `ai` 5, 6 and 7. Each `ai` takes the models of its own and of older ones. */
const AI_SDK_MODELS = ['1', '2', '3'];

function aiSDK(ai: number | undefined): Wanted {
  const majors = ai === undefined ? AI_SDK_MODELS : AI_SDK_MODELS.slice(0, Math.max(1, ai - 4));
  return {
    framework: ai === undefined ? 'asAISDK()' : `asAISDK() beside ai ${ai}`, specifier: '@ai-sdk/openai-compatible', majors,
    install: ai === undefined ? 'npm install ai @ai-sdk/openai-compatible' : `npm install @ai-sdk/openai-compatible@${majors.at(-1)}`, exports: 'createOpenAICompatible',
  };
}
