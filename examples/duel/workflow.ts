import { Workflow, WorkflowOutput, type ChatMessage, type ChatModel, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { FrozenLake } from '../frozenlake/environment.ts';
import { parseMove, systemPrompt, userMessage } from '../frozenlake/prompt.ts';

interface Walk {
  arrived: boolean;
  moves: number;
}

/**
 * Two walkers, one lake: whoever reaches the goal wins, and where both do, the shorter way. Both start as the same model; only the runner
 * is trained, the rival stays what it was.
 */
export class Duel extends Workflow {
  name = 'duel';
  override trainableTargets = ['runner'];

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    tuner.registerModel('runner', { defaultModel: 'policy@embedded' });
    tuner.registerModel('rival', { defaultModel: 'policy@embedded' });
    const seed = Number(task.metadata.random_number);
    const [runner, rival] = await Promise.all([walk(seed, tuner.getModel('runner')), walk(seed, tuner.getModel('rival'))]);
    const reward = score(runner, rival);
    return new WorkflowOutput({ reward, isSuccess: reward === 1, metadata: { runner, rival }, logMetrics: { moves: runner.moves } });
  }
}

async function walk(seed: number, model: ChatModel): Promise<Walk> {
  const lake = new FrozenLake(seed);
  const messages: ChatMessage[] = [
    { role: 'system', content: systemPrompt },
    { role: 'user', content: userMessage(lake.reset()) },
  ];
  for (let moves = 1; ; moves++) {
    const reply = await model.call(messages);
    const { observation, reward, done } = lake.step(parseMove(reply.text));
    if (done) return { arrived: reward === 1, moves };
    messages.push(reply.message, { role: 'user', content: userMessage(observation) });
  }
}

/** 1: the runner won; 0.5: a draw; 0: it lost. */
function score(runner: Walk, rival: Walk): number {
  if (runner.arrived !== rival.arrived) return runner.arrived ? 1 : 0;
  if (!runner.arrived || runner.moves === rival.moves) return 0.5;
  return runner.moves < rival.moves ? 1 : 0;
}
