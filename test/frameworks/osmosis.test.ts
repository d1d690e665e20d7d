/** Osmosis' agents with the real frameworks behind them, against the real gateway; the policy is scripted. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { tool } from '@strands-agents/sdk';
import { run, setTracingDisabled, tool as openAITool } from '@openai/agents';
import { z } from 'zod';
import { judgeOfEntrypoint, workflowOfEntrypoint } from '../../runtime/sdk/osmosis/adapter.ts';
import { importedBy } from '../../runtime/sdk/osmosis/framework.ts';
import { AgentWorkflow, entrypointOf, Grader, type AgentWorkflowContext, type GraderContext } from '../../runtime/sdk/osmosis/index.ts';
import { taskOfRow } from '../../runtime/tasks/row.ts';
import { assertKept, scriptedWorld, tunerOf } from './world.ts';

setTracingDisabled(true);
importedBy(fileURLToPath(import.meta.url));
const { OsmosisRolloutModel, OsmosisStrandsAgent } = await import('../../runtime/sdk/osmosis/strands.ts');
const { OsmosisAgent, OsmosisMemorySession } = await import('../../runtime/sdk/osmosis/openai-agents.ts');

const input = z.object({ a: z.number(), b: z.number() });
const description = 'Adds.';
/** It may be made where no rollout is. */
const model = new OsmosisRolloutModel({ params: { temperature: 1 } });

class OnStrands extends AgentWorkflow {
  async run(ctx: AgentWorkflowContext): Promise<void> {
    const add = tool({ name: 'add', description, inputSchema: input, callback: ({ a, b }) => String(a + b) });
    const agent = new OsmosisStrandsAgent({ name: 'adder', model, messages: ctx.prompt, tools: [add], callbackHandler: null });
    await agent.invokeAsync();
    await agent.invokeAsync('And 30 + 4?');
  }
}

class OnOpenAIAgents extends AgentWorkflow {
  async run(ctx: AgentWorkflowContext): Promise<void> {
    const add = openAITool({ name: 'add', description, parameters: input, execute: ({ a, b }) => String(a + b) });
    const agent = new OsmosisAgent({ name: 'adder', instructions: 'Add.', model, tools: [add] });
    const session = new OsmosisMemorySession({ name: 'adder' });
    await run(agent, ctx.prompt.map(({ content }) => content).join('\n'), { session });
    await run(agent, 'And 30 + 4?', { session });
  }
}

class Sum extends Grader {
  async grade(ctx: GraderContext): Promise<void> {
    ctx.setReward(JSON.stringify(ctx.sample.messages.at(-1)).includes(String(ctx.label)) ? 1 : 0);
  }
}

for (const Flow of [OnStrands, OnOpenAIAgents]) {
  test(`${Flow.name}: one conversation, token for token; its sample is graded by the label`, async () => {
    await using w = await scriptedWorld();
    const { label, ...task } = taskOfRow({ user_prompt: '1 + 2?', ground_truth: 34 }, 0);
    const entrypoint = entrypointOf({ Flow, Sum }, 'main.ts');
    const given = { taskId: 't', episodeUuid: 'r', envType: 'no_env', taskBatchIndex: 0, task, signal: new AbortController().signal };
    const { metadata } = await new (workflowOfEntrypoint(entrypoint))().execute(given, tunerOf(w));
    assertKept(w, [null, 0, 1, 2]);
    assert.deepEqual([...new Set(w.journal.map(({ role }) => role))], ['adder']);
    const judge = new (judgeOfEntrypoint(entrypoint, 'main.ts'))();
    assert.deepEqual(await judge.judge({ ...task, label }, { reward: null, isSuccess: null, metadata: metadata as never, logMetrics: {} }), { reward: 1, success: null });
  });
}
