import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { AIMessage, type BaseMessage, createAgent, HumanMessage, tool } from 'langchain';
import { z } from 'zod';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

const add = tool(({ a, b }) => String(a + b), { name: 'add', description: 'Adds.', schema: z.object({ a: z.number(), b: z.number() }) });

/** As much as both have of an agent. */
interface Graph {
  invoke(input: { messages: BaseMessage[] }, config: { recursionLimit: number }): Promise<{ messages: BaseMessage[] }>;
  stream(input: { messages: BaseMessage[] }, config: { recursionLimit: number; streamMode: ['messages', 'values'] }): Promise<AsyncIterable<unknown>>;
}

async function talk(agent: Graph, questions: readonly string[], stream: boolean): Promise<string[]> {
  let messages: BaseMessage[] = [];
  const answers: string[] = [];
  for (const question of questions) {
    const input = { messages: [...messages, new HumanMessage(question)] };
    if (stream) {
      for await (const part of await agent.stream(input, { recursionLimit: 60, streamMode: ['messages', 'values'] })) {
        const [mode, value] = part as [string, { messages: BaseMessage[] }];
        if (mode === 'values') messages = value.messages;
      }
    } else {
      ({ messages } = await agent.invoke(input, { recursionLimit: 60 }));
    }
    answers.push(messages.at(-1)!.text);
  }
  return answers;
}

export const langChain: Driver = {
  name: 'langchain',

  chat(tuner, questions, { stream }) {
    return talk(createAgent({ model: tuner.asLangChain(), systemPrompt: INSTRUCTIONS, tools: [add] }) as unknown as Graph, questions, stream);
  },

  structured(tuner, question) {
    return tuner.asLangChain().withStructuredOutput(z.object({ sum: z.number() }), { method: 'jsonSchema' }).invoke([['system', INSTRUCTIONS], ['human', question]]);
  },

  async team(tuner, question) {
    const helper = createAgent({ model: tuner.getModel('helper').asLangChain(), systemPrompt: HELPER, tools: [add] });
    const ask = tool(async ({ input }) => (await helper.invoke({ messages: [new HumanMessage(input)] })).messages.at(-1)!.text, { name: 'helper', description: 'Asks the helper.', schema: z.object({ input: z.string() }) });
    const agent = createAgent({ model: tuner.asLangChain(), systemPrompt: INSTRUCTIONS, tools: [ask] });
    return (await agent.invoke({ messages: [new HumanMessage(question)] })).messages.at(-1)!.text;
  },

  async thinking(tuner, question) {
    const answer = await tuner.asLangChain().invoke(question);
    return AIMessage.isInstance(answer) ? answer.additional_kwargs.reasoning_content as string : undefined;
  },
};

export const langGraph: Driver = {
  name: '@langchain/langgraph',

  chat(tuner, questions, { stream }) {
    return talk(createReactAgent({ llm: tuner.asLangChain(), prompt: INSTRUCTIONS, tools: [add] }) as unknown as Graph, questions, stream);
  },
};
