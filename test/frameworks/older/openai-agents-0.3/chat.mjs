import { Agent, run, setTracingDisabled, tool } from '@openai/agents';
import { z } from 'zod';

setTracingDisabled(true);

const add = tool({ name: 'add', description: 'Adds.', parameters: z.object({ a: z.number(), b: z.number() }), execute: ({ a, b }) => String(a + b) });

export async function chat(tuner, questions, { stream }) {
  const agent = new Agent({ name: 'adder', instructions: 'You add.', model: tuner.asOpenAIAgents(), tools: [add] });
  let history = [];
  const answers = [];
  for (const content of questions) {
    history.push({ role: 'user', content });
    const result = await run(agent, history, { stream });
    if (stream) await result.completed;
    history = result.history;
    answers.push(result.finalOutput);
  }
  return answers;
}
