import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

const calculator = createTool({
  id: calculatorTool.name,
  description: calculatorTool.description,
  inputSchema: z.object({ expression: z.string() }),
  execute: async ({ expression }) => calculate(expression),
});

export class MathAgent extends Workflow {
  name = 'math_mastra';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new Agent({ id: 'solver', name: 'solver', instructions: systemPrompt, model: tuner.asMastra(), tools: { calculator } });
    const result = await agent.generate(task.task.mainQuery, { maxSteps: 4 });
    return new WorkflowOutput({ metadata: { finalAnswer: result.text } });
  }
}
