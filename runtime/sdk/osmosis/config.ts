/** What a workflow or a grader of Osmosis' contract is configured with. */
import { TuningForkError } from '../../protocol/errors.ts';

export class ConcurrencyConfig {
  /** Most executions at once; null: as many as there are. */
  readonly maxConcurrent: number | null;

  constructor({ maxConcurrent = null }: { maxConcurrent?: number | null } = {}) {
    if (maxConcurrent !== null && (!Number.isInteger(maxConcurrent) || maxConcurrent < 1)) {
      throw new TuningForkError('workflow', `maxConcurrent is ${maxConcurrent}; it must be a whole number from 1 on, or null.`, { next: 'Write new ConcurrencyConfig({ maxConcurrent: 4 }).' });
    }
    this.maxConcurrent = maxConcurrent;
  }
}

/** Fields of your own stand beside these. */
export abstract class BaseConfig {
  abstract name: string;
  description: string | null = null;
  concurrency: ConcurrencyConfig = new ConcurrencyConfig();
}

export abstract class AgentWorkflowConfig extends BaseConfig {}
export abstract class GraderConfig extends BaseConfig {}

/** A configuration of its own for each rollout, so that none sees what another wrote. Tools and models in it are shared. */
export function copyOf<T>(value: T, copies = new Map<unknown, unknown>()): T {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known as T;
  const list = Array.isArray(value);
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (!list && prototype !== null && prototype !== Object.prototype && !extendsNamed(prototype, 'BaseConfig')) return value;
  const copy = (list ? [] : Object.create(prototype)) as Record<string, unknown>;
  copies.set(value, copy);
  for (const [key, each] of Object.entries(value)) copy[key] = copyOf(each, copies);
  return copy as T;
}

/** By its name: a project may carry its own copy of this package beside the worker's. */
export function extendsNamed(prototype: object | null, name: string): boolean {
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null) if (at.constructor?.name === name) return true;
  return false;
}
