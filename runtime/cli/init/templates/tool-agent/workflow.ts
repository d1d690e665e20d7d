import { ReActAgent, tool, Toolkit, Workflow, WorkflowOutput, z, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { calculate } from './calculator.ts';

const systemPrompt = 'Solve the problem with the calculator. Answer \\boxed{number}.';

const calculator = tool({
  name: 'calculator',
  description: 'Computes an expression.',
  parameters: z.object({ expression: z.string() }),
  // What it throws is told to the model, so that it can try again.
  run: ({ expression }) => calculate(expression),
});

export class ToolAgent extends Workflow {
  name = 'tool_agent';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new ReActAgent({
      name: 'solver',
      sysPrompt: systemPrompt,
      model: tuner, // the model that is run and trained
      toolkit: new Toolkit([calculator]),
      maxIters: 4,
    });
    const answer = await agent.reply(task.task.mainQuery);
    // No reward here: the judge gives it, from what stands in the metadata.
    return new WorkflowOutput({ metadata: { finalAnswer: answer.text } });
  }
}
