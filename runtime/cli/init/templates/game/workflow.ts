import { Workflow, WorkflowOutput, type ChatMessage, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { FrozenLake, moves } from './environment.ts';

const systemPrompt = 'Walk P over the ice _ to G. O is a hole. Answer left, down, right or up.';

/** One game: the model sees the lake, answers a move, sees the lake again. */
export class Game extends Workflow {
  name = 'game';

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const environment = new FrozenLake();
    const messages: ChatMessage[] = [
      { role: 'system', content: systemPrompt },
      { role: 'user', content: environment.reset(task) },
    ];
    for (let turn = 1; ; turn++) {
      const reply = await tuner.call(messages);
      const move = moves.find((each) => each === reply.text.trim().toLowerCase());
      const { observation, done } = environment.step(move);
      // The judge `builtin->environment` asks the environment for the reward.
      if (done) return new WorkflowOutput({ environment, logMetrics: { turns: turn } });
      messages.push(reply.message, { role: 'user', content: observation });
    }
  }
}
