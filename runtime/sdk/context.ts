import { AsyncLocalStorage } from 'node:async_hooks';
import type { Place } from '../protocol/errors.ts';

/**
 * Where every tool call of a rollout passes: it is traced here, and a replay is served here.
 * `execute` rejects with a ToolError when the tool failed; `run` then rejects with a ToolError too, live or from the record.
 */
export interface ToolRecorder {
  run(name: string, args: string, stack: readonly Place[], execute: () => Promise<string>): Promise<string>;
}

/** A tool's own failure. Its message is what the agent reads; any other error ends the rollout. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/** By name: a project may carry its own copy of this package beside the worker's. */
export function isToolError(error: unknown): error is ToolError {
  return error instanceof Error && error.name === 'ToolError';
}

export interface RolloutContext {
  tools: ToolRecorder;
  signal: AbortSignal;
}

type Shared = { [key: symbol]: AsyncLocalStorage<RolloutContext> | undefined };

/** One storage for all copies of this package in the process. */
const key = Symbol.for('tuning-fork.rollout');
const current = ((globalThis as Shared)[key] ??= new AsyncLocalStorage<RolloutContext>());

export function runInRollout<T>(context: RolloutContext, run: () => T): T {
  return current.run(context, run);
}

/** Undefined in a unit test: outside of a rollout, tools simply run. */
export function currentRollout(): RolloutContext | undefined {
  return current.getStore();
}
