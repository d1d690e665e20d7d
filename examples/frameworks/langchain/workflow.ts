import { createAgent, tool } from 'langchain';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { z } from 'zod';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

const calculator = tool(({ expression }) => calculate(expression), {
  name: calculatorTool.name,
  description: calculatorTool.description,
  schema: z.object({ expression: z.string() }),
});

export class MathAgent extends Workflow {
  name = 'math_langchain';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = createAgent({ model: tuner.asLangChain(), systemPrompt, tools: [calculator] });
    const { messages } = await agent.invoke({ messages: [{ role: 'user', content: task.task.mainQuery }] });
    return new WorkflowOutput({ metadata: { finalAnswer: messages.at(-1)?.text } });
  }
}
