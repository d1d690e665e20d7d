/** A workflow and a grader of Osmosis' contract as the worker wants them: they run, debug and train like any other. */
import { basename } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import type { ChatMessage } from '../../protocol/chat.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../../protocol/task.ts';
import { Judge } from '../judge.ts';
import type { ModelTuner } from '../tuner.ts';
import { Workflow, WorkflowOutput, type WorkflowTask } from '../workflow.ts';
import { copyOf } from './config.ts';
import { GraderContext, RolloutContext, type AgentWorkflowContext, type RolloutSample } from './context.ts';
import type { Entrypoint, Graded } from './entrypoint.ts';
import { Turnstile } from './turnstile.ts';
import type { AgentWorkflowOutput } from './workflow.ts';

const SAMPLES = 'samples';

export function workflowOfEntrypoint({ Workflow: Agent, workflowConfig }: Entrypoint): new () => Workflow {
  const turnstile = new Turnstile(workflowConfig?.concurrency?.maxConcurrent ?? null);
  return class extends Workflow {
    name = workflowConfig?.name ?? Agent.name;

    async execute({ task, episodeUuid }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
      const context = new RolloutContext(episodeUuid, (sample) => tuner.getModel(sample));
      return turnstile.pass(() => context.run(async () => {
        const config = copyOf(workflowConfig);
        const returned = await new Agent(config).run({ prompt: promptOf(task), config, metadata: metadataOf(task.metadata) } satisfies AgentWorkflowContext);
        return outputOf(returned, context);
      }));
    }
  };
}

/** What `run` gave, and who registered with the rollout. */
export async function samplesOf(returned: unknown, context: RolloutContext): Promise<{ samples: Record<string, RolloutSample>; metrics: Record<string, number>; info: JsonObject }> {
  const samples = await context.getSamples();
  const { messages, metrics = {}, info = {} } = coerced(returned);
  if (messages !== undefined && Object.keys(samples).length === 0) samples['default'] = { messages: JSON.parse(JSON.stringify(messages)) as JsonObject[] };
  // Plain data: it goes where it is written down.
  return { samples, metrics, info: JSON.parse(JSON.stringify(info)) as JsonObject };
}

async function outputOf(returned: unknown, context: RolloutContext): Promise<WorkflowOutput> {
  const { samples, metrics, info } = await samplesOf(returned, context);
  return new WorkflowOutput({ metadata: { ...info, [SAMPLES]: samples }, logMetrics: metrics });
}

/** The older contract passes over what is returned; the newer one takes an output or messages, and nothing else. */
function coerced(returned: unknown): AgentWorkflowOutput {
  if (Array.isArray(returned)) return { messages: returned as object[] };
  if (typeof returned !== 'object' || returned === null) return {};
  const { messages, metrics, info } = returned as AgentWorkflowOutput;
  const bad = Object.entries(metrics ?? {}).find(([, value]) => typeof value !== 'number' || !Number.isFinite(value));
  if (bad !== undefined) throw new TuningForkError('workflow', `The metric "${bad[0]}" is ${String(bad[1])}, which is not a finite number.`, { next: 'Give finite numbers as metrics, and everything else as info.' });
  return { ...(Array.isArray(messages) && { messages }), ...(metrics !== undefined && { metrics }), ...(info !== undefined && { info }) };
}

export function judgeOfEntrypoint({ Grader, graderConfig }: Graded, file: string): new () => Judge {
  if (Grader === null) {
    throw new TuningForkError('judge', `MISSING_GRADER: No Grader subclass found in '${basename(file)}', and an AgentWorkflow gives no reward itself.`, { where: { file }, next: 'Export a class that extends Grader with async grade(ctx), or name a judge in task_judge.judge_protocol.' });
  }
  const turnstile = new Turnstile(graderConfig?.concurrency?.maxConcurrent ?? null);
  return class extends Judge {
    judge({ label, metadata }: Task, { metadata: output }: OutputData): Promise<Verdict> {
      return turnstile.pass(async () => {
        const config = copyOf(graderConfig);
        const context = new GraderContext({ label, metadata: metadataOf(metadata), config, samples: (output[SAMPLES] ?? {}) as unknown as Record<string, RolloutSample> });
        await new Grader!(config).grade(context);
        if (context.reward === undefined) {
          throw new TuningForkError('judge', `${Grader!.name}.grade() set no reward.`, { where: { file }, next: 'Call ctx.setReward(number), or ctx.setSampleReward(name, number) for each sample.' });
        }
        return { ...context.reward, success: null };
      });
    }
  };
}

/** A row with a user prompt of Osmosis' columns has its messages already; another has a query. */
export function promptOf({ initMessages, mainQuery }: Pick<Task, 'initMessages' | 'mainQuery'>): ChatMessage[] {
  return initMessages.some(({ role }) => role === 'user') ? [...initMessages] : [...initMessages, { role: 'user', content: mainQuery }];
}

function metadataOf(metadata: JsonObject): JsonObject | null {
  return Object.keys(metadata).length === 0 ? null : metadata;
}
