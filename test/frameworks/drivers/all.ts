import { aiSDK, toolLoopAgent } from './ai-sdk.ts';
import type { Driver } from './driver.ts';
import { langChain, langGraph } from './langchain.ts';
import { mastra } from './mastra.ts';
import { openAIAgents } from './openai-agents.ts';
import { openai, plainFetch } from './plain.ts';
import { strands } from './strands.ts';

export const drivers: readonly Driver[] = [openAIAgents, aiSDK, toolLoopAgent, strands, langChain, langGraph, mastra, openai, plainFetch];
