import { Agent, run, setTracingDisabled, tool, type AgentInputItem } from '@openai/agents';
import { z } from 'zod';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

setTracingDisabled(true);

const add = tool({ name: 'add', description: 'Adds.', parameters: z.object({ a: z.number(), b: z.number() }), execute: ({ a, b }) => String(a + b) });

export const openAIAgents: Driver = {
  name: '@openai/agents',

  async chat(tuner, questions, { stream }) {
    const agent = new Agent({ name: 'adder', instructions: INSTRUCTIONS, model: tuner.asOpenAIAgents(), tools: [add] });
    let history: AgentInputItem[] = [];
    const answers: string[] = [];
    for (const content of questions) {
      history.push({ role: 'user', content });
      if (stream) {
        const result = await run(agent, history, { stream: true, maxTurns: 20 });
        let text = '';
        for await (const part of result.toTextStream()) text += part;
        await result.completed;
        history = result.history;
        if (!text.endsWith(result.finalOutput!)) throw new Error(`The stream told ${JSON.stringify(text)}.`);
        answers.push(result.finalOutput!);
      } else {
        const result = await run(agent, history, { maxTurns: 20 });
        history = result.history;
        answers.push(result.finalOutput!);
      }
    }
    return answers;
  },

  async structured(tuner, question) {
    const agent = new Agent({ name: 'adder', instructions: INSTRUCTIONS, model: tuner.asOpenAIAgents(), outputType: z.object({ sum: z.number() }) });
    return (await run(agent, question)).finalOutput;
  },

  async team(tuner, question) {
    const helper = new Agent({ name: 'helper', instructions: HELPER, model: tuner.getModel('helper').asOpenAIAgents(), tools: [add] });
    const agent = Agent.create({ name: 'adder', instructions: INSTRUCTIONS, model: tuner.asOpenAIAgents(), handoffs: [helper] });
    return (await run(agent, question)).finalOutput ?? '';
  },

  async thinking(tuner, question) {
    const agent = new Agent({ name: 'adder', instructions: INSTRUCTIONS, model: tuner.asOpenAIAgents(), tools: [add] });
    const { newItems } = await run(agent, question);
    for (const item of newItems) if (item.type === 'reasoning_item') return item.rawItem.rawContent?.map(({ text }) => text).join('');
    return undefined;
  },
};
