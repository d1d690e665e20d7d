import { TuningForkError, type Place } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { callSite } from './call-site.ts';
import type { Environment, Evaluable } from './environment.ts';
import type { ModelTuner } from './tuner.ts';

/** What an agent does with one task. A new instance is made for each rollout. */
export abstract class Workflow {
  abstract name: string;

  /** Roles whose tokens are trained. Absent: all of them. An empty list is refused. */
  trainableTargets?: readonly string[];

  abstract execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput>;
}

export interface WorkflowTask {
  readonly taskId: string;
  /** The id of this rollout. */
  readonly episodeUuid: string;
  readonly envType: string;
  /** The place of the task in its batch. */
  readonly taskBatchIndex: number;
  /** The row of the dataset, without its label. */
  readonly task: Readonly<Omit<Task, 'label'>>;
  /** The environment of `envType`, where the task names one. */
  readonly gymEnv?: Environment;
  /** Aborted when the rollout is cancelled or out of time. */
  readonly signal: AbortSignal;
}

export interface WorkflowOutputOptions {
  /** A number: the judge is skipped. `null`, the default: the configured judge grades. */
  reward?: number | null;
  isSuccess?: boolean | null;
  /** All that a judge needs to know. Kept in the trace, so plain JSON. */
  metadata?: { [key: string]: unknown };
  /** Numbers to follow over a run. */
  logMetrics?: { [key: string]: unknown };
  /** The environment to ask for the reward: its `evaluate()` goes to the judge as `metadata.evaluation`, then it is closed. */
  environment?: Evaluable;
}

export class WorkflowOutput {
  readonly reward: number | null;
  readonly isSuccess: boolean | null;
  readonly metadata: { [key: string]: unknown };
  readonly logMetrics: { [key: string]: unknown };
  readonly environment: Evaluable | undefined;

  constructor({ reward = null, isSuccess = null, metadata = {}, logMetrics = {}, environment }: WorkflowOutputOptions = {}) {
    if (reward !== null && !Number.isFinite(reward)) throw badReward(reward, callSite(WorkflowOutput).place);
    this.reward = reward;
    this.isSuccess = isSuccess;
    this.metadata = metadata;
    this.logMetrics = logMetrics;
    this.environment = environment;
  }
}

/** What `execute` returned, checked and as plain data. `where`: the place to name when it is not usable. */
export function outputData(output: unknown, where?: Place): OutputData {
  if (typeof output !== 'object' || output === null) {
    throw new TuningForkError('workflow', `execute() returned ${describe(output)} instead of a WorkflowOutput.`, {
      where, next: 'End execute() with "return new WorkflowOutput({ reward, metadata })".',
    });
  }
  const { reward = null, isSuccess = null, metadata = {}, logMetrics = {} } = output as Partial<WorkflowOutput>;
  if (reward !== null && !Number.isFinite(reward)) throw badReward(reward, where);
  return {
    reward,
    isSuccess: isSuccess === null ? null : Boolean(isSuccess),
    metadata: plain(metadata, 'metadata', where),
    logMetrics: plain(logMetrics, 'logMetrics', where),
  };
}

/** What `judge()` returned, checked. */
export function verdictData(verdict: unknown, judge: string, where?: Place): Verdict {
  if (typeof verdict !== 'object' || verdict === null || !('reward' in verdict)) {
    throw new TuningForkError('judge', `${judge} returned ${describe(verdict)} instead of { reward, success }.`, {
      where, next: 'End judge() with "return { reward, success }".',
    });
  }
  const { reward, success = null, parts, reason } = verdict as Partial<Verdict>;
  if (typeof reward !== 'number' || !Number.isFinite(reward)) {
    throw new TuningForkError('judge', `${judge} gave the reward ${describe(reward)}, which is not a finite number.`, {
      where, next: 'Return a number for every answer, 0 for one that cannot be read.',
    });
  }
  return { reward, success, ...(parts && { parts }), ...(reason !== undefined && { reason }) };
}

function badReward(reward: unknown, where: Place | undefined): TuningForkError {
  return new TuningForkError('reward', `The reward is ${describe(reward)}, which is not a finite number.`, {
    where, next: 'Return a finite number, or null to let the judge grade.',
  });
}

function plain(value: unknown, name: string, where: Place | undefined): JsonObject {
  const refuse = (key: string, problem: string): never => {
    throw new TuningForkError('workflow', `${key} of the WorkflowOutput ${problem}, so it cannot be kept.`, {
      where, next: 'Put plain JSON there: strings, finite numbers, booleans, null, arrays and objects.',
    });
  };
  const copy = (part: unknown, key: string, above: readonly object[]): Json => {
    if (part === null || typeof part === 'string' || typeof part === 'boolean') return part;
    if (typeof part === 'number') return Number.isFinite(part) ? part : refuse(key, `is ${part}`);
    if (typeof part !== 'object') return refuse(key, `is ${describe(part)}`);
    if (above.includes(part)) return refuse(key, 'contains itself');
    const inside = [...above, part];
    if (Array.isArray(part)) return part.map((each, index) => copy(each, `${key}[${index}]`, inside));
    if ('toJSON' in part && typeof part.toJSON === 'function') return copy(part.toJSON(), key, inside);
    const entries = Object.entries(part).filter(([, each]) => each !== undefined);
    return Object.fromEntries(entries.map(([each, below]) => [each, copy(below, `${key}.${each}`, inside)]));
  };
  const copied = copy(value, name, []);
  return copied !== null && typeof copied === 'object' && !Array.isArray(copied) ? copied : refuse(name, 'is not an object');
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the string "${value.slice(0, 40)}"`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'bigint' ? `${value}n` : String(value);
}
