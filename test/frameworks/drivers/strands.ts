import { Agent, tool } from '@strands-agents/sdk';
import { z } from 'zod';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

const add = tool({ name: 'add', description: 'Adds.', inputSchema: z.object({ a: z.number(), b: z.number() }), callback: ({ a, b }) => String(a + b) });

export const strands: Driver = {
  name: '@strands-agents/sdk',

  async chat(tuner, questions, { stream }) {
    const agent = new Agent({ model: tuner.asStrands(), systemPrompt: INSTRUCTIONS, tools: [add], printer: false });
    const answers: string[] = [];
    for (const question of questions) {
      if (!stream) {
        answers.push(String(await agent.invoke(question)));
        continue;
      }
      const events = agent.stream(question);
      let next = await events.next();
      while (next.done !== true) next = await events.next();
      answers.push(String(next.value));
    }
    return answers;
  },

  async structured(tuner, question) {
    const agent = new Agent({ model: tuner.asStrands(), systemPrompt: INSTRUCTIONS, structuredOutputSchema: z.object({ sum: z.number() }), printer: false });
    return (await agent.invoke(question)).structuredOutput;
  },

  async team(tuner, question) {
    const helper = new Agent({ name: 'helper', description: 'Asks the helper.', model: tuner.getModel('helper').asStrands(), systemPrompt: HELPER, tools: [add], printer: false });
    const agent = new Agent({ model: tuner.asStrands(), systemPrompt: INSTRUCTIONS, tools: [helper], printer: false });
    return String(await agent.invoke(question));
  },
};
