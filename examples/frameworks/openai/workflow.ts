import OpenAI from 'openai';
import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

/** A loop of one's own. `tuner.asOpenAI()` is such a client, made ready. */
export class MathAgent extends Workflow {
  name = 'math_openai';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const { baseURL, apiKey, model, fetch } = tuner;
    const client = new OpenAI({ baseURL, apiKey, fetch });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: systemPrompt }, { role: 'user', content: task.task.mainQuery }];
    for (let turn = 0; turn < 4; turn++) {
      const completion = await client.chat.completions.create({ model, messages, tools: [{ type: 'function', function: calculatorTool }] });
      const { message } = completion.choices[0]!;
      messages.push(message);
      if (message.tool_calls === undefined) return new WorkflowOutput({ metadata: { finalAnswer: message.content } });
      for (const call of message.tool_calls) {
        if (call.type === 'function') messages.push({ role: 'tool', tool_call_id: call.id, content: resultOf(call.function.arguments) });
      }
    }
    return new WorkflowOutput();
  }
}

function resultOf(args: string): string {
  try {
    return calculate(String((JSON.parse(args) as { expression?: unknown }).expression));
  } catch (error) {
    return `Error: ${(error as Error).message}`;
  }
}
