/**
 * The frameworks' own types where they are installed. Where one is not, its type is `any`: nobody needs a framework to use this package.
 * Their interfaces rather than their classes, so that a second copy of a framework in a project still fits.
 */
// oxlint-disable typescript/ban-ts-comment, typescript/prefer-ts-expect-error
/** @ts-ignore */
import type { Model } from '@openai/agents';
/** @ts-ignore */
import type { LanguageModel } from 'ai';
/** @ts-ignore */
import type { OpenAIModel } from '@strands-agents/sdk/models/openai';
/** @ts-ignore */
import type { ChatOpenAI } from '@langchain/openai';

export type OpenAIAgentsModel = Model;
export type AISDKModel = Exclude<LanguageModel, string>;
export type StrandsModel = OpenAIModel;
export type LangChainModel = ChatOpenAI;

/** Mastra's own form of an OpenAI-compatible model: it brings the client. */
export interface MastraModel {
  id: `${string}/${string}`;
  url: string;
  apiKey: string;
  headers: Record<string, string>;
}
