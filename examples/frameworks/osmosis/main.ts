/** Osmosis' contract: the workflow acts, the grader scores, and nothing else is told of who trains it. */
import { tool } from '@strands-agents/sdk';
import { AgentWorkflow, AgentWorkflowConfig, ConcurrencyConfig, Grader, type AgentWorkflowContext, type GraderContext } from 'tuning-fork/osmosis';
import { OsmosisRolloutModel, OsmosisStrandsAgent } from 'tuning-fork/osmosis/strands';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool } from '../../math-agent/prompt.ts';

const calculator = tool({
  name: calculatorTool.name,
  description: calculatorTool.description,
  inputSchema: z.object({ expression: z.string() }),
  callback: ({ expression }) => calculate(expression),
});

class MathConfig extends AgentWorkflowConfig {
  name = 'math-osmosis';
  override concurrency = new ConcurrencyConfig({ maxConcurrent: 8 });
}

export const mathConfig = new MathConfig();

export class MathWorkflow extends AgentWorkflow<MathConfig> {
  async run(ctx: AgentWorkflowContext<MathConfig>): Promise<void> {
    const agent = new OsmosisStrandsAgent({ name: 'solver', model: new OsmosisRolloutModel({ params: { temperature: 1 } }), messages: ctx.prompt, tools: [calculator], callbackHandler: null });
    await agent.invokeAsync();
  }
}

export class MathGrader extends Grader {
  async grade(ctx: GraderContext): Promise<void> {
    const answer = /\\boxed\{([^}]*)\}/.exec(JSON.stringify(ctx.sample.messages.at(-1)).replaceAll('\\\\', '\\'))?.[1];
    ctx.setReward(answer !== undefined && Number(answer) === Number(ctx.label) ? 1 : 0);
  }
}
