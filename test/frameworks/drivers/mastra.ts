import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { z } from 'zod';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

const add = createTool({ id: 'add', description: 'Adds.', inputSchema: z.object({ a: z.number(), b: z.number() }), execute: async ({ a, b }) => String(a + b) });

export const mastra: Driver = {
  name: '@mastra/core',

  async chat(tuner, questions, { stream }) {
    const agent = new Agent({ id: 'adder', name: 'adder', instructions: INSTRUCTIONS, model: tuner.asMastra(), tools: { add }, maxRetries: 2 });
    const messages: Parameters<typeof agent.generate>[0] & unknown[] = [];
    const answers: string[] = [];
    for (const content of questions) {
      messages.push({ role: 'user', content } as never);
      const result = stream ? await agent.stream(messages, { maxSteps: 20 }) : await agent.generate(messages, { maxSteps: 20 });
      const steps = await result.steps;
      answers.push(steps.at(-1)!.text);
      messages.push(...(await result.response).messages as never[]);
    }
    return answers;
  },

  async structured(tuner, question) {
    const agent = new Agent({ id: 'adder', name: 'adder', instructions: INSTRUCTIONS, model: tuner.asMastra() });
    return (await agent.generate(question, { structuredOutput: { schema: z.object({ sum: z.number() }) } })).object;
  },

  async team(tuner, question) {
    const helper = new Agent({ id: 'helper', name: 'helper', description: 'Asks the helper.', instructions: HELPER, model: tuner.getModel('helper').asMastra(), tools: { add } });
    const ask = createTool({ id: 'helper', description: 'Asks the helper.', inputSchema: z.object({ input: z.string() }), execute: async ({ input }) => (await helper.generate(input)).text });
    const agent = new Agent({ id: 'adder', name: 'adder', instructions: INSTRUCTIONS, model: tuner.asMastra(), tools: { helper: ask } });
    return (await agent.generate(question)).steps.at(-1)!.text;
  },

  async thinking(tuner, question) {
    const agent = new Agent({ id: 'adder', name: 'adder', instructions: INSTRUCTIONS, model: tuner.asMastra(), tools: { add } });
    return (await agent.generate(question)).steps[0]?.reasoningText;
  },
};
