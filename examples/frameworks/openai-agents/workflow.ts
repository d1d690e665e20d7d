import { Agent, run, setTracingDisabled, tool } from '@openai/agents';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

setTracingDisabled(true);   // it would be sent to OpenAI

const calculator = tool({
  name: calculatorTool.name,
  description: calculatorTool.description,
  parameters: z.object({ expression: z.string() }),
  execute: ({ expression }) => calculate(expression),
});

export class MathAgent extends Workflow {
  name = 'math_openai_agents';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new Agent({ name: 'solver', instructions: systemPrompt, model: tuner.asOpenAIAgents(), tools: [calculator] });
    const result = await run(agent, task.task.mainQuery, { maxTurns: 4 });
    return new WorkflowOutput({ metadata: { finalAnswer: result.finalOutput } });
  }
}
