import { generateText, isStepCount, Output, streamText, tool, ToolLoopAgent, type ModelMessage } from 'ai';
import { z } from 'zod';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

const tools = { add: tool({ description: 'Adds.', inputSchema: z.object({ a: z.number(), b: z.number() }), execute: ({ a, b }) => a + b }) };
const stopWhen = isStepCount(20);

export const aiSDK: Driver = {
  name: 'ai',

  async chat(tuner, questions, { stream }) {
    const model = tuner.asAISDK();
    const messages: ModelMessage[] = [];
    const answers: string[] = [];
    for (const content of questions) {
      messages.push({ role: 'user', content });
      const result = stream ? streamText({ model, instructions: INSTRUCTIONS, messages, tools, stopWhen }) : await generateText({ model, instructions: INSTRUCTIONS, messages, tools, stopWhen });
      answers.push(await result.text);
      messages.push(...await result.responseMessages);
    }
    return answers;
  },

  async structured(tuner, question) {
    const { output } = await generateText({ model: tuner.asAISDK(), instructions: INSTRUCTIONS, prompt: question, output: Output.object({ schema: z.object({ sum: z.number() }) }) });
    return output;
  },

  async team(tuner, question) {
    const helper = new ToolLoopAgent({ model: tuner.getModel('helper').asAISDK(), instructions: HELPER, tools });
    const ask = tool({ description: 'Asks the helper.', inputSchema: z.object({ input: z.string() }), execute: async ({ input }) => (await helper.generate({ prompt: input })).text });
    return (await generateText({ model: tuner.asAISDK(), instructions: INSTRUCTIONS, prompt: question, tools: { helper: ask }, stopWhen })).text;
  },

  async thinking(tuner, question) {
    return (await generateText({ model: tuner.asAISDK(), prompt: question, tools, stopWhen })).steps[0]?.reasoningText;
  },
};

export const toolLoopAgent: Driver = {
  name: 'ai, ToolLoopAgent',

  async chat(tuner, questions, { stream }) {
    const agent = new ToolLoopAgent({ model: tuner.asAISDK(), instructions: INSTRUCTIONS, tools, stopWhen });
    const messages: ModelMessage[] = [];
    const answers: string[] = [];
    for (const content of questions) {
      messages.push({ role: 'user', content });
      const result = stream ? await agent.stream({ messages }) : await agent.generate({ messages });
      answers.push(await result.text);
      messages.push(...await result.responseMessages);
    }
    return answers;
  },
};
