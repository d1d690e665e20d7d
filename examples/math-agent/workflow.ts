import { ReActAgent, tool, Toolkit, Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { calculate } from './calculator.ts';
import { calculatorTool, systemPrompt } from './prompt.ts';

const calculator = tool({ ...calculatorTool, run: ({ expression }) => calculate(String(expression)) });

/** Thinks in tool calls: writes the expression, reads its value, boxes the answer. The judge does the rest. */
export class MathAgent extends Workflow {
  name = 'math_agent';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new ReActAgent({
      name: 'solver',
      sysPrompt: systemPrompt,
      model: tuner,
      toolkit: new Toolkit([calculator]),
      maxIters: 4,
    });
    const answer = await agent.reply(task.task.mainQuery);
    return new WorkflowOutput({ metadata: { finalAnswer: answer.text } });
  }
}
