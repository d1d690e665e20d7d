import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';

export class MyWorkflow extends Workflow {
  name = 'my_workflow';

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const reply = await tuner.call([
      { role: 'system', content: 'Use each number once with +-*/ to reach the target. Compute pairs, go back from the target, answer \\boxed{expression}.' },
      { role: 'user', content: task.mainQuery },
    ]);
    return new WorkflowOutput({ metadata: { finalAnswer: reply.text } });
  }
}
