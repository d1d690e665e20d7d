import type { JsonSchema } from './json.ts';

/** The one internal form of a chat message. The gateway normalises what frameworks send into it. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string;
  /** Thinking that a model produced before its answer. */
  reasoning?: string;
  name?: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

export interface ToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

export interface ToolDefinition {
  type: 'function';
  function: { name: string; description?: string; parameters?: JsonSchema };
}

export type ToolChoice = 'auto' | 'none' | 'required' | { type: 'function'; function: { name: string } };

/** The sampling that took effect for one call. */
export interface Sampling {
  temperature: number;
  topP: number;
  /** 0: no limit. */
  topK: number;
  maxTokens: number;
  stop?: string[];
  seed?: number;
}

export type FinishReason = 'stop' | 'length' | 'tool_calls';
