import { isStepCount, tool, ToolLoopAgent } from 'ai';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

const calculator = tool({
  description: calculatorTool.description,
  inputSchema: z.object({ expression: z.string() }),
  execute: ({ expression }) => calculate(expression),
});

export class MathAgent extends Workflow {
  name = 'math_ai_sdk';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new ToolLoopAgent({ model: tuner.asAISDK(), instructions: systemPrompt, tools: { calculator }, stopWhen: isStepCount(4) });
    const result = await agent.generate({ prompt: task.task.mainQuery });
    return new WorkflowOutput({ metadata: { finalAnswer: result.text } });
  }
}
