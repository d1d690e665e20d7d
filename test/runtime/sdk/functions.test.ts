import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../runtime/protocol/json.ts';
import type { ChatModel } from '../../../runtime/sdk/model.ts';
import { judgeOf, workflowOf } from '../../../runtime/sdk/functions.ts';
import { ModelTuner } from '../../../runtime/sdk/tuner.ts';
import type { WorkflowTask } from '../../../runtime/sdk/workflow.ts';

const row = { taskId: 't', mainQuery: '1+1', initMessages: [], envType: 'no_env', metadata: { answer: 2 } };
const task = { taskId: 't', episodeUuid: 'r', envType: 'no_env', taskBatchIndex: 0, task: row, signal: new AbortController().signal } satisfies WorkflowTask;

function tuner(registered: string[] = []): ModelTuner {
  return new ModelTuner({
    baseURL: (role) => `http://127.0.0.1:9/${role}/v1`, apiKey: 'k', isTarget: (role) => role === 'default',
    register: (role) => void registered.push(role), signal: task.signal, config: {},
  });
}

test('a function is a workflow: the line of the data and a model in, its number is the reward', async () => {
  const seen: unknown[] = [];
  const Made = workflowOf(async function solve(one, model: ChatModel) {
    seen.push(one, model.baseURL);
    return 0.5;
  });
  const workflow = new Made();
  assert.deepEqual([workflow.name, workflow.trainableTargets], ['solve', ['default']]);
  const output = await workflow.execute(task, tuner());
  assert.equal(output.reward, 0.5);
  assert.deepEqual(seen, [{ task_id: 't', main_query: '1+1', answer: 2 }, 'http://127.0.0.1:9/default/v1']);
});

test('without a reward its response goes to the judge, a function too; metrics are kept', async () => {
  const Made = workflowOf(async () => ({ response: { text: 'two', role: 'assistant' }, metrics: { turns: 3 } }));
  const output = await new Made().execute(task, tuner());
  assert.deepEqual([output.reward, output.metadata, output.logMetrics], [null, { response: 'two' }, { turns: 3 }]);
  const Grader = judgeOf(async (one, response) => ({ reward: one.answer === 2 && response === 'two' ? 1 : 0, metrics: { form: 1 } }));
  assert.deepEqual(await new Grader().judge(row, { reward: null, isSuccess: null, metadata: { response: 'two' }, logMetrics: {} }), { reward: 1, success: null, parts: { form: 1 } });
});

test('auxiliary models have roles of their own, which are not trained', async () => {
  const registered: string[] = [];
  const Made = workflowOf(async (_, __, { auxiliaryModels }) => (auxiliaryModels.critic!.baseURL.endsWith('/critic/v1') ? 1 : 0), { critic: 'ollama:qwen3' });
  assert.equal((await new Made().execute(task, tuner(registered))).reward, 1);
  assert.deepEqual(registered.toSorted(), ['critic', 'default']);
});

test('what is no reward is told', async () => {
  const Made = workflowOf((async () => undefined) as never);
  await assert.rejects(new Made().execute(task, tuner()), /returned undefined instead of a reward/);
  const Wrong = workflowOf(async () => Number.NaN);
  await assert.rejects(new Wrong().execute(task, tuner()), /not a finite number/);
});

test('the judge sees the label, the workflow does not; messages that a task begins with are for both', async () => {
  const seen: JsonObject[] = [];
  const told = { ...row, initMessages: [{ role: 'system' as const, content: 'Be short.' }] };
  const Made = workflowOf(async (one) => seen.push(one));
  await new Made().execute({ ...task, task: told }, tuner());
  const Grader = judgeOf(async (one) => seen.push(one));
  await new Grader().judge({ ...told, label: '2' }, { reward: null, isSuccess: null, metadata: {}, logMetrics: {} });
  const both = { task_id: 't', main_query: '1+1', answer: 2, init_messages: told.initMessages };
  assert.deepEqual(seen, [both, { ...both, label: '2' }]);
  const Silent = judgeOf((async function grade() { return null; }) as never);
  await assert.rejects(async () => new Silent().judge(row, { reward: null, isSuccess: null, metadata: {}, logMetrics: {} }), { code: 'judge', message: 'grade() returned null instead of a reward.' });
});
