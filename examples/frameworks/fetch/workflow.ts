import { Workflow, WorkflowOutput, type ChatMessage, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { calculate } from '../../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../../math-agent/prompt.ts';

/** Nothing but HTTP: what any OpenAI-compatible client does, in any language. */
export class MathAgent extends Workflow {
  name = 'math_fetch';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const messages: ChatMessage[] = [{ role: 'system', content: systemPrompt }, { role: 'user', content: task.task.mainQuery }];
    for (let turn = 0; turn < 4; turn++) {
      const response = await fetch(`${tuner.baseURL}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tuner.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: tuner.model, messages, tools: [{ type: 'function', function: calculatorTool }] }),
      });
      if (!response.ok) throw new Error(await response.text());
      const { choices: [{ message }] } = (await response.json()) as { choices: [{ message: ChatMessage }] };
      messages.push(message);
      if (message.tool_calls === undefined) return new WorkflowOutput({ metadata: { finalAnswer: message.content } });
      for (const call of message.tool_calls) messages.push({ role: 'tool', tool_call_id: call.id, content: resultOf(call.function.arguments) });
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
