/** Loops without a framework: the `openai` package, and nothing but HTTP. */
import OpenAI from 'openai';
import type { ChatMessage, ModelTuner } from '../../../runtime/sdk/index.ts';
import { ADD_TOOL } from '../../runtime/gateway/world.ts';
import { HELPER, INSTRUCTIONS, type Driver } from './driver.ts';

interface Told {
  content: string | null;
  tool_calls?: ChatMessage['tool_calls'];
}

/** Sends all messages, answers tool calls, and goes on until the model says something. */
async function talk(questions: readonly string[], instructions: string, send: (messages: ChatMessage[], tools: object[]) => Promise<Told>, helper?: (input: string) => Promise<string>): Promise<string[]> {
  const messages: ChatMessage[] = [{ role: 'system', content: instructions }];
  const answers: string[] = [];
  for (const content of questions) {
    messages.push({ role: 'user', content });
    for (;;) {
      const message = await send(messages, [helper === undefined ? ADD_TOOL : HELPER_TOOL]);
      messages.push({ role: 'assistant', ...message } as ChatMessage);
      if (message.tool_calls === undefined) {
        answers.push(message.content!);
        break;
      }
      for (const call of message.tool_calls) {
        const { a, b, input } = JSON.parse(call.function.arguments) as { a: number; b: number; input: string };
        messages.push({ role: 'tool', tool_call_id: call.id, content: helper === undefined ? String(a + b) : await helper(input) });
      }
    }
  }
  return answers;
}

const HELPER_TOOL = { type: 'function', function: { name: 'helper', description: 'Asks the helper.', parameters: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] } } };

const sumFormat = { type: 'json_schema', json_schema: { name: 'sum', schema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] } } } as const;

function clientOf({ baseURL, apiKey, fetch }: Pick<ModelTuner, 'baseURL' | 'apiKey' | 'fetch'>): OpenAI {
  return new OpenAI({ baseURL, apiKey, fetch });
}

function sender(client: OpenAI, stream: boolean): Parameters<typeof talk>[2] {
  return async (messages, tools) => {
    const body = { model: 'm', messages: messages as OpenAI.ChatCompletionMessageParam[], tools: tools as OpenAI.ChatCompletionTool[] };
    const { choices: [choice] } = stream ? await client.chat.completions.stream(body).finalChatCompletion() : await client.chat.completions.create(body);
    return choice!.message as Told;
  };
}

export const openai: Driver = {
  name: 'openai',
  chat: (tuner, questions, { stream }) => talk(questions, INSTRUCTIONS, sender(clientOf(tuner), stream)),

  async structured(tuner, question) {
    const completion = await clientOf(tuner).chat.completions.parse({ model: 'm', messages: [{ role: 'system', content: INSTRUCTIONS }, { role: 'user', content: question }], response_format: sumFormat });
    return JSON.parse(completion.choices[0]!.message.content!);
  },

  async team(tuner, question) {
    const helper = async (input: string): Promise<string> => (await talk([input], HELPER, sender(clientOf(tuner.getModel('helper')), false)))[0]!;
    return (await talk([question], INSTRUCTIONS, sender(clientOf(tuner), false), helper))[0]!;
  },

  async thinking(tuner, question) {
    const completion = await clientOf(tuner).chat.completions.create({ model: 'm', messages: [{ role: 'user', content: question }] });
    return (completion.choices[0]!.message as { reasoning_content?: string }).reasoning_content;
  },
};

export const plainFetch: Driver = {
  name: 'fetch',
  chat: (tuner, questions) => talk(questions, INSTRUCTIONS, async (messages, tools) => {
    const response = await fetch(`${tuner.baseURL}/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${tuner.apiKey}`, 'content-type': 'application/json' }, body: JSON.stringify({ messages, tools }),
    });
    return ((await response.json()) as { choices: [{ message: Told }] }).choices[0].message;
  }),
};
