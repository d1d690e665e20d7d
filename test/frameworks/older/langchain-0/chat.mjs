import { HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { z } from 'zod';

const add = tool(({ a, b }) => String(a + b), { name: 'add', description: 'Adds.', schema: z.object({ a: z.number(), b: z.number() }) });

export async function chat(tuner, questions, { stream }) {
  const agent = createReactAgent({ llm: tuner.asLangChain(), prompt: 'You add.', tools: [add] });
  let messages = [];
  const answers = [];
  for (const question of questions) {
    const input = { messages: [...messages, new HumanMessage(question)] };
    if (stream) for await (const [mode, value] of await agent.stream(input, { streamMode: ['messages', 'values'] })) messages = mode === 'values' ? value.messages : messages;
    else ({ messages } = await agent.invoke(input));
    answers.push(messages.at(-1).content);
  }
  return answers;
}
