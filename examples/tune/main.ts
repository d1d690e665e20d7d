/** AgentScope's `tune`, in TypeScript: an agent that is one function, and a configuration of Trinity-RFT. */
import { join } from 'node:path';
import { ReActAgent, tool, Toolkit, tune, type ChatModel } from 'tuning-fork';
import { calculate } from '../math-agent/calculator.ts';
import { calculatorTool, systemPrompt } from '../math-agent/prompt.ts';

const toolkit = new Toolkit([tool({ ...calculatorTool, run: ({ expression }) => calculate(String(expression)) })]);

/** The task is a line of the data; what is returned is the reward. */
export async function runReactAgent(task: { main_query: string; answer: string }, model: ChatModel): Promise<number> {
  const agent = new ReActAgent({ name: 'react_agent', sysPrompt: systemPrompt, model, toolkit, maxIters: 4 });
  const answer = await agent.reply(task.main_query);
  return isRight(answer.text, task.answer) ? 1 : 0;
}

function isRight(text: string, answer: string): boolean {
  const given = /\\boxed\{([^}]*)\}/.exec(text)?.[1];
  return given !== undefined && given.trim() !== '' && Number(given) === Number(answer.split('####').at(-1));
}

await tune(runReactAgent, join(import.meta.dirname, 'config.yaml'));
