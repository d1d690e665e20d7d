import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatModel } from '../../../../runtime/sdk/index.ts';
import { judgeOfEntrypoint, workflowOfEntrypoint } from '../../../../runtime/sdk/osmosis/adapter.ts';
import { AgentWorkflow, AgentWorkflowConfig, ConcurrencyConfig, entrypointOf, Grader, RolloutContext, type AgentWorkflowContext, type GraderContext } from '../../../../runtime/sdk/osmosis/index.ts';
import { ModelTuner } from '../../../../runtime/sdk/tuner.ts';
import { taskOfRow } from '../../../../runtime/tasks/row.ts';

const row = { system_prompt: 'Be short.', user_prompt: '1+1?', ground_truth: '2', metadata: { hard: false } };
const task = taskOfRow(row, 0);
const { label: _hidden, ...visible } = task;
const signal = new AbortController().signal;
const tuner = (): ModelTuner => new ModelTuner({ baseURL: (role) => `http://127.0.0.1:9/${role}/v1`, apiKey: 'k', isTarget: () => true, register: () => {}, signal, config: {} });
const given = { taskId: 't', episodeUuid: 'run/s0t0n0', envType: 'no_env', taskBatchIndex: 0, task: visible, signal };

test('Osmosis’ columns: the prompt is messages, the answer is for the grader alone', () => {
  assert.deepEqual(task.initMessages, [{ role: 'system', content: 'Be short.' }, { role: 'user', content: '1+1?' }]);
  assert.deepEqual([task.label, task.metadata, task.mainQuery], ['2', { hard: false }, '1+1?']);
});

test('what a configuration says of rows counts for Osmosis’ columns too', () => {
  const { initMessages, label, metadata } = taskOfRow({ user_prompt: '1+1?', answer: 2 }, 0, { labelKey: 'answer', systemPrompt: 'Think.' });
  assert.deepEqual([initMessages.map(({ content }) => content), label, metadata], [['Think.', '1+1?'], 2, {}]);
  assert.throws(() => taskOfRow({ user_prompt: '1+1?' }, 0, { labelKey: 'answer' }), { message: 'the label `answer` (label_key) is missing' });
});

class Config extends AgentWorkflowConfig {
  name = 'search';
  seen: string[] = [];
  override concurrency = new ConcurrencyConfig({ maxConcurrent: 2 });
}

test('a workflow sees prompt, configuration and metadata, and no label; its samples and its reward go to the trace', async () => {
  const contexts: AgentWorkflowContext<Config>[] = [];
  const models: ChatModel[] = [];
  class Flow extends AgentWorkflow<Config> {
    async run(ctx: AgentWorkflowContext<Config>): Promise<void> {
      contexts.push(ctx);
      ctx.config!.seen.push('written');
      const rollout = RolloutContext.current();
      models.push(rollout.model('solver'));
      const messages = [...ctx.prompt, { role: 'assistant', content: '2' }];
      rollout.registerSampleSource('solver', messages);
      rollout.registerSampleSource('critic', () => [{ role: 'assistant', content: 'fine' }]);
    }
  }
  class Judge extends Grader {
    async grade(ctx: GraderContext): Promise<void> {
      assert.deepEqual(ctx.metadata, { hard: false });
      const last = String(ctx.samples.solver!.messages.at(-1)!.content);
      ctx.setSampleReward('solver', last === ctx.label ? 1 : 0);
      ctx.setSampleReward('critic', 0.5);
    }
  }
  const config = new Config();
  const entrypoint = entrypointOf({ Flow, Judge, config }, 'main.ts');
  const workflow = new (workflowOfEntrypoint(entrypoint))();
  assert.equal(workflow.name, 'search');
  const output = await workflow.execute(given, tuner());
  const [ctx] = contexts;
  assert.deepEqual([ctx!.prompt, ctx!.metadata, Object.keys(ctx!).sort()], [task.initMessages, { hard: false }, ['config', 'metadata', 'prompt']]);
  assert.deepEqual([config.seen, ctx!.config instanceof Config, models[0]!.baseURL], [[], true, 'http://127.0.0.1:9/solver/v1']);
  assert.deepEqual(Object.keys(output.metadata.samples as object), ['solver', 'critic']);
  const verdict = await new (judgeOfEntrypoint(entrypoint, 'main.ts'))().judge(task, { reward: null, isSuccess: null, metadata: output.metadata as never, logMetrics: {} });
  assert.deepEqual(verdict, { reward: 0.75, parts: { solver: 1, critic: 0.5 }, success: null });
});

test('no more run at once than the configuration lets', async () => {
  let inside = 0;
  let most = 0;
  class Flow extends AgentWorkflow<Config> {
    async run(): Promise<{ messages: object[] }> {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
      return { messages: [] };
    }
  }
  const Made = workflowOfEntrypoint(entrypointOf({ Flow, config: new Config() }, 'main.ts'));
  await Promise.all(Array.from({ length: 7 }, () => new Made().execute(given, tuner())));
  assert.equal(most, 2);
});

test('what is missing or wrong is told: no grader, no reward, a model outside of a rollout', async () => {
  class Flow extends AgentWorkflow {
    async run(): Promise<void> {}
  }
  class Silent extends Grader {
    async grade(): Promise<void> {}
  }
  assert.throws(() => judgeOfEntrypoint(entrypointOf({ Flow }, 'main.ts'), 'main.ts'), /MISSING_GRADER/);
  await assert.rejects(async () => new (judgeOfEntrypoint(entrypointOf({ Flow, Silent }, 'main.ts'), 'main.ts'))().judge(task, { reward: null, isSuccess: null, metadata: { samples: {} }, logMetrics: {} }), /Silent\.grade\(\) set no reward/);
  assert.throws(() => RolloutContext.current(), /There is no rollout here/);
});
