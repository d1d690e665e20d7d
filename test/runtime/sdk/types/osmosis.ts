/** The contracts of others, as a user writes them. */
import { tune, type ChatModel, type FunctionExtras } from 'tuning-fork';
import { AgentWorkflow, AgentWorkflowConfig, ConcurrencyConfig, Grader, RolloutContext, type AgentWorkflowContext, type GraderContext } from 'tuning-fork/osmosis';
import { createRolloutServer, LocalBackend } from 'tuning-fork/osmosis/server';

class SearchConfig extends AgentWorkflowConfig {
  name = 'search';
  maxIterations = 8;
  override concurrency = new ConcurrencyConfig({ maxConcurrent: 4 });
}

export class Search extends AgentWorkflow<SearchConfig> {
  async run(ctx: AgentWorkflowContext<SearchConfig>): Promise<void> {
    const { maxIterations } = ctx.config ?? new SearchConfig();
    const { message } = await RolloutContext.current().model('searcher').call(ctx.prompt);
    RolloutContext.current().registerSampleSource('searcher', [...ctx.prompt, message].slice(0, maxIterations));
    // @ts-expect-error: the label is the grader's
    void ctx.label;
  }
}

export class Exact extends Grader {
  async grade(ctx: GraderContext): Promise<void> {
    ctx.setReward(ctx.label === 'yes' ? 1 : 0);
  }
}

export const serve = (): Promise<unknown> => createRolloutServer({ backend: new LocalBackend({ workflow: Search, workflowConfig: new SearchConfig(), grader: Exact }), port: 0 });

async function narrow(task: { question: string }, model: ChatModel, { auxiliaryModels }: FunctionExtras): Promise<number> {
  return (await (auxiliaryModels['critic'] ?? model).call([{ role: 'user', content: task.question }])).text.length;
}

export const train = (): Promise<void> => tune(narrow, 'config.yaml');
export const trainByName = (): Promise<void> => tune({ workflowFunc: narrow, judgeFunc: async (task, response) => ({ reward: task['answer'] === response ? 1 : 0 }), algorithm: { groupSize: 8 } });
// @ts-expect-error: a text is no reward
export const wrong = (): Promise<void> => tune(async (task: object, model: ChatModel) => `${String(task)}${model.role}`, 'config.yaml');
