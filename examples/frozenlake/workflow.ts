import { Workflow, WorkflowOutput, type ChatMessage, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { FrozenLake } from './environment.ts';
import { parseMove, systemPrompt, userMessage } from './prompt.ts';

/** A game by turns: the model sees the lake, answers a move, sees the lake again. The environment gives the reward. */
export class FrozenLakeWalk extends Workflow {
  name = 'frozenlake';

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const lake = new FrozenLake(Number(task.metadata.random_number));
    const messages: ChatMessage[] = [
      { role: 'system', content: systemPrompt },
      { role: 'user', content: userMessage(lake.reset()) },
    ];
    for (let turn = 1; ; turn++) {
      const reply = await tuner.call(messages);
      const { observation, reward, done } = lake.step(parseMove(reply.text));
      if (done) {
        return new WorkflowOutput({ reward, isSuccess: reward === 1, metadata: { last: observation }, logMetrics: { turns: turn } });
      }
      messages.push(reply.message, { role: 'user', content: userMessage(observation) });
    }
  }
}
