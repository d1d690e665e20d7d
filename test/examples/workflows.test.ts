import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Countdown } from '../../examples/countdown/workflow.ts';
import { systemPrompt as countdownPrompt } from '../../examples/countdown/prompt.ts';
import { after as afterMove, distances, FrozenLake, goal, moves } from '../../examples/frozenlake/environment.ts';
import { systemPrompt as lakePrompt } from '../../examples/frozenlake/prompt.ts';
import { FrozenLakeWalk } from '../../examples/frozenlake/workflow.ts';
import { calculatorTool, systemPrompt as mathPrompt } from '../../examples/math-agent/prompt.ts';
import { MathAgent } from '../../examples/math-agent/workflow.ts';
import { countdown } from '../../runtime/judges/countdown.ts';
import { mathAnswer } from '../../runtime/judges/math.ts';
import type { Workflow, WorkflowTask } from '../../runtime/sdk/index.ts';
import { outputData } from '../../runtime/sdk/workflow.ts';
import { taskOfRow } from '../../runtime/tasks/row.ts';
import type { Task } from '../../runtime/protocol/task.ts';
import { scriptedServer, tunerFor, type Line } from '../runtime/sdk/scripted-server.ts';

const server = await scriptedServer();

async function run(workflow: Workflow, task: Task, ...lines: Line[]): Promise<ReturnType<typeof outputData>> {
  server.requests.length = 0;
  server.say(...lines);
  const workflowTask: WorkflowTask = {
    taskId: task.taskId, episodeUuid: 'r1', envType: task.envType, taskBatchIndex: 0, task, signal: new AbortController().signal,
  };
  return outputData(await workflow.execute(workflowTask, tunerFor(server.url).tuner));
}

function firstRow(example: string, label?: string): Task {
  const file = new URL(`../../examples/${example}/data/training.jsonl`, import.meta.url);
  return taskOfRow(JSON.parse(readFileSync(file, 'utf8').split('\n', 1)[0]!), 0, { labelKey: label });
}

test('math-agent: one tool call, then the box, in the messages the embedded policy was taught on', async () => {
  const task = firstRow('math-agent', 'answer');
  const [expression, answer] = String(task.label).split(' #### ') as [string, string];
  const output = await run(new MathAgent(), task, { calls: [{ name: 'calculator', args: { expression } }] }, `\\boxed{${answer}}`);
  assert.deepEqual(mathAnswer().judge(task, output), { reward: 1, success: true, parts: { boxed: 1, correct: 1 }, reason: undefined });
  const { messages, tools } = server.requests[1]!.body;
  assert.deepEqual(tools, [{ type: 'function', function: calculatorTool }]);
  assert.deepEqual(messages.map(({ role, content }) => [role, content]), [
    ['system', mathPrompt], ['user', task.mainQuery], ['assistant', ''], ['tool', answer],
  ]);
});

test('math-agent: the calculator tells what is wrong with an expression', async () => {
  const output = await run(new MathAgent(), firstRow('math-agent'), { calls: [{ name: 'calculator', args: { expression: '3/0' } }] }, 'none');
  assert.equal(server.requests[1]!.body.messages.at(-1)!.content, 'Error: division by zero in "3/0"');
  assert.equal(output.metadata.finalAnswer, 'none');
});

test('countdown: one answer for the judge', async () => {
  const task: Task = { taskId: 't', mainQuery: 'Numbers: 7 6 4 Target: 17', initMessages: [], envType: 'no_env', metadata: { numbers: [7, 6, 4], target: 17 } };
  const output = await run(new Countdown(), task, '(7+6)+4=13+4=17\n\\boxed{(7+6)+4}');
  assert.equal(countdown().judge(task, output).reward, 1);
  assert.deepEqual(server.requests[0]!.body.messages, [{ role: 'system', content: countdownPrompt }, { role: 'user', content: task.mainQuery }]);
  assert.equal('tools' in server.requests[0]!.body, false);
});

test('frozenlake: the shortest way earns the reward, a nonsense answer costs a move', async () => {
  const seed = 5;
  const { lake } = new FrozenLake(seed);
  const distance = distances(lake.holes);
  const way: string[] = [];
  for (let at = lake.start; at !== goal;) {
    const move = moves.find((each) => distance.get(afterMove(at, each)) === distance.get(at)! - 1)!;
    way.push(move);
    at = afterMove(at, move);
  }
  const task: Task = { taskId: '5', mainQuery: '', initMessages: [], envType: 'no_env', metadata: { random_number: seed } };
  const output = await run(new FrozenLakeWalk(), task, 'hm?', ...way);
  assert.equal(output.reward, 1);
  assert.equal(output.isSuccess, true);
  assert.equal(output.logMetrics.turns, way.length + 1);
  const { messages } = server.requests.at(-1)!.body;
  assert.equal(messages[0]!.content, lakePrompt);
  assert.equal(messages[1]!.content, new FrozenLake(seed).reset());
  assert.equal(messages[3]!.content, messages[1]!.content, 'nothing moved');
  assert.deepEqual(messages.filter(({ role }) => role === 'assistant').map(({ content }) => content), ['hm?', ...way.slice(0, -1)]);
});
