import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const tools = { add: tool({ description: 'Adds.', inputSchema: z.object({ a: z.number(), b: z.number() }), execute: ({ a, b }) => a + b }) };

export async function chat(tuner, questions, { stream }) {
  const model = tuner.asAISDK();
  const messages = [];
  const answers = [];
  for (const content of questions) {
    messages.push({ role: 'user', content });
    const request = { model, system: 'You add.', messages, tools, stopWhen: stepCountIs(20) };
    const result = stream ? streamText(request) : await generateText(request);
    answers.push(await result.text);
    messages.push(...(await result.response).messages);
  }
  return answers;
}
