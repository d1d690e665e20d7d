import { ReActAgent, tool, Toolkit, Workflow, WorkflowOutput, z, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { calculate } from './calculator.ts';

const systemPrompt = 'Solve the problem with the calculator. Answer \\boxed{number}.';

const calculator = tool({
  name: 'calculator',
  description: 'Computes an expression.',
  parameters: z.object({ expression: z.string() }),
  run: ({ expression }) => calculate(expression),
});

/** A solver answers, a checker solves the problem for itself; where they disagree the solver has the last word, from a fresh start. */
export class SolverAndChecker extends Workflow {
  name = 'solver_and_checker';
  // Every role is trained, all of them on one model. To train only some: trainableTargets = ['solver'], or `--train solver`.

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    // What answers for a role while it is not trained.
    tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });
    tuner.registerModel('checker', { defaultModel: 'ollama:qwen3' });

    const ask = async (role: string): Promise<string> => {
      const agent = new ReActAgent({
        name: role, sysPrompt: systemPrompt, model: tuner.getModel(role), toolkit: new Toolkit([calculator]), maxIters: 4,
      });
      return (await agent.reply(task.mainQuery)).text;
    };
    const [first, second] = await Promise.all([ask('solver'), ask('checker')]);
    const agreed = first === second;
    const finalAnswer = agreed ? first : await ask('solver');
    return new WorkflowOutput({ metadata: { finalAnswer, first, second }, logMetrics: { agreed: agreed ? 1 : 0 } });
  }
}
