/** Workflows and judges written as plain functions, as AgentScope has them. */
import { TuningForkError } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { Judge } from './judge.ts';
import type { ChatModel } from './model.ts';
import type { ModelTuner } from './tuner.ts';
import { Workflow, WorkflowOutput, type WorkflowTask } from './workflow.ts';

/** What a workflow may ask for besides its task and its model. */
export interface FunctionExtras {
  /** The models of `auxiliaryModels`, which are not trained. */
  auxiliaryModels: Readonly<Record<string, ChatModel>>;
  logger: Pick<Console, 'debug' | 'info' | 'warn' | 'error'>;
}

/** What a workflow gives when a number isn't all: a judge grades `response` where there is no reward. */
export interface FunctionOutput {
  reward?: number | null;
  response?: unknown;
  metrics?: Record<string, number>;
}

/** The line of the data in, a reward out. A method's form, so that a narrower task is taken. */
export type WorkflowFunction = { run(task: JsonObject, model: ChatModel, extras: FunctionExtras): Promise<number | FunctionOutput> }['run'];

export interface JudgeOutput {
  reward: number;
  metrics?: Record<string, number>;
}

/** It calls no model: a rollout is over when it is graded. */
export type JudgeFunction = { run(task: JsonObject, response: unknown, extras: Pick<FunctionExtras, 'logger'>): Promise<number | JudgeOutput> }['run'];

/** The models of a workflow that are not trained, by name. */
export type AuxiliaryModels = Readonly<Record<string, string>>;

const ROLE = 'default';

/** A class as the worker wants one. */
export function workflowOf(run: WorkflowFunction, auxiliary: AuxiliaryModels = {}): new () => Workflow {
  return class extends Workflow {
    name = run.name || 'workflow';
    override trainableTargets = [ROLE];

    async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
      const models = Object.entries(auxiliary).map(([name, model]) => [name, tuner.registerModel(name, { defaultModel: model })] as const);
      const output = await run(rowOf(task.task), tuner.getModel(ROLE), { auxiliaryModels: Object.fromEntries(models), logger: console });
      if (typeof output === 'number') return new WorkflowOutput({ reward: output });
      if (typeof output !== 'object' || output === null) throw notANumber('workflow', this.name, output);
      const { reward = null, response, metrics } = output;
      return new WorkflowOutput({ reward, ...(metrics && { logMetrics: metrics }), ...(response !== undefined && { metadata: { response: plain(response) } }) });
    }
  };
}

export function judgeOf(run: JudgeFunction): new () => Judge {
  return class extends Judge {
    async judge(task: Task, { metadata: { response } }: OutputData): Promise<Verdict> {
      const { label } = task;
      const given = await run({ ...rowOf(task), ...(label !== undefined && { label: label as Json }) }, response, { logger: console });
      if (typeof given !== 'number' && (typeof given !== 'object' || given === null)) throw notANumber('judge', run.name, given);
      const { reward, metrics } = typeof given === 'number' ? { reward: given } as JudgeOutput : given;
      return { reward, success: null, ...(metrics && { parts: metrics }) };
    }
  };
}

/** A message of an agent is kept as what it says. */
function plain(response: unknown): unknown {
  return typeof response === 'object' && response !== null && 'text' in response && typeof response.text === 'string' ? response.text : response;
}

function notANumber(kind: 'workflow' | 'judge', name: string, value: unknown): TuningForkError {
  const next = kind === 'workflow' ? 'Return a number, or { reward, response, metrics }.' : 'Return a number, or { reward, metrics }.';
  return new TuningForkError(kind, `${name || kind}() returned ${value === null ? 'null' : typeof value} instead of a reward.`, { next });
}

/** The line of the data: a reader keeps it whole as metadata, unless it has metadata of its own. Its messages may begin with what the configuration says. */
function rowOf({ taskId, mainQuery, initMessages, metadata }: Omit<Task, 'label'>): JsonObject {
  return { task_id: taskId, main_query: mainQuery, ...metadata, ...(initMessages.length > 0 && { init_messages: initMessages as unknown as Json }) };
}
