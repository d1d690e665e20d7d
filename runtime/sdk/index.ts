/// <reference types="node" />
export { Workflow, WorkflowOutput, type WorkflowOutputOptions, type WorkflowTask } from './workflow.ts';
export { ModelTuner, DEFAULT_ROLE, type DefaultModel, type TunerOptions } from './tuner.ts';
export type { CallOptions, ChatModel, ChatModel as TrinityChatModel, ChatReply } from './model.ts';
export type { CallableModel, LocalAnswer } from './local-model.ts';
export { Judge } from './judge.ts';
export type { Environment, Evaluable, Step } from './environment.ts';
export { Msg } from './message.ts';
export { InMemoryMemory, type Memory } from './memory.ts';
export { tool, Toolkit, type Tool, type ToolContext, type ToolOptions, type ToolResult } from './toolkit.ts';
export { runCode, type RunCodeOptions } from './run-code.ts';
export { ReActAgent, type ReActAgentOptions } from './react-agent.ts';
export { currentRollout, runInRollout, ToolError, type RolloutContext, type ToolRecorder } from './context.ts';
export { tune, type AlgorithmConfig, type DatasetConfig, type TuneOptions, type TunerModelConfig } from './tune.ts';
export type { FunctionExtras, FunctionOutput, JudgeFunction, JudgeOutput, WorkflowFunction } from './functions.ts';
export type { Schema, Validated } from './schema.ts';
export { z } from './zod.mjs';

export { TuningForkError } from '../protocol/errors.ts';
export type { ErrorCode, Place } from '../protocol/errors.ts';
export type { ChatMessage, FinishReason, ToolCall, ToolChoice, ToolDefinition } from '../protocol/chat.ts';
export type { Json, JsonObject, JsonSchema } from '../protocol/json.ts';
export type { OutputData, Task, Verdict } from '../protocol/task.ts';
