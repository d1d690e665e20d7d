import { Agent, tool } from '@strands-agents/sdk';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

const calculator = tool({
  name: calculatorTool.name,
  description: calculatorTool.description,
  inputSchema: z.object({ expression: z.string() }),
  callback: ({ expression }) => calculate(expression),
});

export class MathAgent extends Workflow {
  name = 'math_strands';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new Agent({ model: tuner.asStrands(), systemPrompt, tools: [calculator], printer: false });
    const result = await agent.invoke(task.task.mainQuery);
    return new WorkflowOutput({ metadata: { finalAnswer: result.toString() } });
  }
}
