import { ReActAgent, Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { systemPrompt } from './prompt.ts';

/** One answer: tries line by line, then an expression in a box. */
export class Countdown extends Workflow {
  name = 'countdown';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const agent = new ReActAgent({ name: 'player', sysPrompt: systemPrompt, model: tuner });
    const answer = await agent.reply(task.task.mainQuery);
    return new WorkflowOutput({ metadata: { finalAnswer: answer.text } });
  }
}
