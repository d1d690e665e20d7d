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
export function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value !== 'object' || value === null) return value;
  const prototype = Object.getPrototypeOf(value) as object | null;
  const plain = prototype === null || prototype === Object.prototype || value instanceof BaseConfig;
  if (!plain) return value;
  return Object.assign(Object.create(prototype) as object, Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyOf(each)]))) as T;
}
