/** What each framework has of its own to let agents work together, and forms that are asked for beside tools. The policy is scripted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent as MastraAgent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { Agent as OpenAIAgent, run } from '@openai/agents';
import { Agent as StrandsAgent, Graph, Swarm } from '@strands-agents/sdk';
import { Annotation, END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolLoopAgent, Output, tool as aiTool } from 'ai';
import { createAgent, HumanMessage, SystemMessage, tool as langChainTool, toolStrategy } from 'langchain';
import { z } from 'zod';
import type { ModelTuner } from '../../runtime/sdk/index.ts';
import type { Script, World } from '../runtime/gateway/world.ts';
import { adding, assertBookedOnce, assertKept, scriptedWorld, toolCall, tunerOf } from './world.ts';

const numbers = z.object({ a: z.number(), b: z.number() });
const sum = z.object({ sum: z.number() });

async function inWorld(script: Script, work: (tuner: ModelTuner, w: World) => Promise<void>): Promise<void> {
  await using w = await scriptedWorld(script);
  await work(tunerOf(w), w);
}

const continuations = (w: World, role: string): string[] => w.journal.filter((call) => call.role === role).map(({ continuation }) => continuation);

/** Adds with the tool, then answers in the form; through a tool where the form is one. Says nothing else: Mastra reads the form from all that is said. */
function inForm(formTool?: string): Script {
  return (_, text) => {
    if (!text.includes('<tool_response>')) return toolCall('add', '{"b": 2,  "a": 1}');
    return formTool === undefined ? '{ "sum":  3 }' : toolCall(formTool, '{ "sum":  3 }');
  };
}

test('@openai/agents: a form beside tools', () => inWorld(inForm(), async (tuner, w) => {
  const { tool } = await import('@openai/agents');
  const add = tool({ name: 'add', description: 'Adds.', parameters: numbers, execute: ({ a, b }) => String(a + b) });
  const result = await run(new OpenAIAgent({ name: 'adder', instructions: 'You add.', model: tuner.asOpenAIAgents(), tools: [add], outputType: sum }), '1 + 2?');
  assert.deepEqual(result.finalOutput, { sum: 3 });
  assertKept(w, [null, 0]);
}));

test('ai: a form beside tools', () => inWorld(inForm(), async (tuner, w) => {
  const add = aiTool({ description: 'Adds.', inputSchema: numbers, execute: ({ a, b }) => a + b });
  const agent = new ToolLoopAgent({ model: tuner.asAISDK(), instructions: 'You add.', tools: { add }, output: Output.object({ schema: sum }) });
  assert.deepEqual((await agent.generate({ prompt: '1 + 2?' })).output, { sum: 3 });
  assertKept(w, [null, 0]);
}));

test('langchain: a form beside tools, as a tool itself', () => inWorld(inForm('extract-1'), async (tuner, w) => {
  const add = langChainTool(({ a, b }) => String(a + b), { name: 'add', description: 'Adds.', schema: numbers });
  const agent = createAgent({ model: tuner.asLangChain(), systemPrompt: 'You add.', tools: [add], responseFormat: toolStrategy(sum) });
  const name = /extract-\d+/;
  w.policy.script = (request, text) => inForm(name.exec(text)?.[0])(request, text);
  assert.deepEqual((await agent.invoke({ messages: [new HumanMessage('1 + 2?')] })).structuredResponse, { sum: 3 });
  assertKept(w, [null, 0]);
}));

test('@mastra/core: a form beside tools', () => inWorld(inForm(), async (tuner, w) => {
  const add = createTool({ id: 'add', description: 'Adds.', inputSchema: numbers, execute: async ({ a, b }) => String(a + b) });
  const agent = new MastraAgent({ id: 'adder', name: 'adder', instructions: 'You add.', model: tuner.asMastra(), tools: { add } });
  assert.deepEqual((await agent.generate('1 + 2?', { structuredOutput: { schema: sum } })).object, { sum: 3 });
  assertKept(w, [null, 0]);
}));

test('@openai/agents: an agent as a tool of another', () => inWorld((_, text) => (text.includes('You help.') ? 'Three.' : text.includes('<tool_response>') ? 'It is three.' : toolCall('helper', '{"input":  "1 + 2?"}')), async (tuner, w) => {
  const helper = new OpenAIAgent({ name: 'helper', instructions: 'You help.', model: tuner.getModel('helper').asOpenAIAgents() });
  const agent = new OpenAIAgent({ name: 'adder', instructions: 'You add.', model: tuner.asOpenAIAgents(), tools: [helper.asTool({ toolName: 'helper', toolDescription: 'Asks the helper.' })] });
  assert.equal((await run(agent, '1 + 2?')).finalOutput, 'It is three.');
  assert.deepEqual([continuations(w, 'default'), continuations(w, 'helper')], [['start', 'continued'], ['start']]);
  assertBookedOnce(w);
}));

test('@mastra/core: agents of an agent', () => inWorld((_, text) => (text.includes('You help.') ? 'Three.' : text.includes('<tool_response>') ? 'It is three.' : toolCall('agent-helper', '{"prompt":  "1 + 2?"}')), async (tuner, w) => {
  const helper = new MastraAgent({ id: 'helper', name: 'helper', description: 'Helps.', instructions: 'You help.', model: tuner.getModel('helper').asMastra() });
  const agent = new MastraAgent({ id: 'adder', name: 'adder', instructions: 'You add.', model: tuner.asMastra(), agents: { helper } });
  assert.equal((await agent.generate('1 + 2?')).text.trim(), 'It is three.');
  assert.deepEqual([continuations(w, 'default'), continuations(w, 'helper')], [['start', 'continued'], ['start']]);
  assertBookedOnce(w);
}));

test('@strands-agents/sdk: a graph of agents', () => inWorld((_, text) => (text.includes('You check.') ? 'Right.' : 'Three.'), async (tuner, w) => {
  const agents = [['adder', 'You add.'], ['checker', 'You check.']].map(([id, systemPrompt]) => new StrandsAgent({ id: id!, model: tuner.getModel(id!).asStrands(), systemPrompt: systemPrompt!, printer: false }));
  await new Graph({ nodes: agents, edges: [['adder', 'checker']] }).invoke('1 + 2?');
  assert.deepEqual(w.journal.map(({ role, reply, continuation }) => [role, reply.content, continuation]), [['adder', 'Three.', 'start'], ['checker', 'Right.', 'start']]);
  assertBookedOnce(w);
}));

test('@strands-agents/sdk: a swarm hands over', () => inWorld((_, text) => (text.includes('You check.') ? toolCall('strands_structured_output', '{"message":  "Right."}') : toolCall('strands_structured_output', '{"agentId":  "checker", "message": "Three."}')), async (tuner, w) => {
  const agents = [['adder', 'You add.'], ['checker', 'You check.']].map(([id, systemPrompt]) => new StrandsAgent({ id: id!, description: id!, model: tuner.getModel(id!).asStrands(), systemPrompt: systemPrompt!, printer: false }));
  await new Swarm({ nodes: agents, start: 'adder' }).invoke('1 + 2?');
  assert.deepEqual([...new Set(w.journal.map(({ role }) => role))], ['adder', 'checker']);
  assertBookedOnce(w);
}));

test('@langchain/langgraph: a graph with a reviewer that sends back', () => inWorld((_, text) => (text.includes('You review.') ? (text.includes('Four') ? 'Wrong' : 'Right') : text.includes('Wrong') ? ' Three. ' : ' Four. '), async (tuner, w) => {
  const State = Annotation.Root({ ...MessagesAnnotation.spec, verdict: Annotation<string> });
  const graph = new StateGraph(State)
    .addNode('answer', async ({ messages }) => ({ messages: [await tuner.getModel('solver').asLangChain().invoke([new SystemMessage('You add.'), ...messages])] }))
    .addNode('review', async ({ messages }) => {
      const verdict = (await tuner.getModel('critic').asLangChain().invoke([new SystemMessage('You review.'), new HumanMessage(messages.at(-1)!.text)])).text;
      return { verdict, messages: verdict === 'Right' ? [] : [new HumanMessage(verdict)] };
    })
    .addEdge(START, 'answer').addEdge('answer', 'review').addConditionalEdges('review', ({ verdict }) => (verdict === 'Right' ? END : 'answer'))
    .compile();
  const { messages } = await graph.invoke({ messages: [new HumanMessage('1 + 2?')] });
  assert.equal(messages.at(-1)!.text, ' Three. ');
  assert.deepEqual([continuations(w, 'solver'), continuations(w, 'critic')], [['start', 'continued'], ['start', 'start']]);
  assertBookedOnce(w);
}));

test('ai: what prepareStep leaves out is a branch, and it says where', () => inWorld(adding(''), async (tuner, w) => {
  const add = aiTool({ description: 'Adds.', inputSchema: numbers, execute: ({ a, b }) => a + b });
  const agent = new ToolLoopAgent({
    model: tuner.asAISDK(), instructions: 'You add.', tools: { add },
    prepareStep: ({ stepNumber, messages }) => (stepNumber === 1 ? { messages: messages.slice(1) } : {}),
  });
  await agent.generate({ messages: [{ role: 'user', content: 'Be quick.' }, { role: 'user', content: '1 + 2?' }] });
  const { historyOf } = await import('../../runtime/view/history.ts');
  assert.deepEqual(w.journal.map(({ continuation }) => continuation), ['start', 'rewritten']);
  assert.deepEqual(historyOf({ calls: w.journal })[1]!.branch, { call: 0, message: 2, because: 'left-out', was: 'Be quick.' });
  assertBookedOnce(w);
}));
