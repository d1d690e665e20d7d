import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MyWorkflow } from '../../../../runtime/cli/init/templates/blank/workflow.ts';
import { FrozenLake } from '../../../../runtime/cli/init/templates/game/environment.ts';
import { Game } from '../../../../runtime/cli/init/templates/game/workflow.ts';
import { SolverAndChecker } from '../../../../runtime/cli/init/templates/multi-agent/workflow.ts';
import { calculate } from '../../../../runtime/cli/init/templates/tool-agent/calculator.ts';
import { AnswerJudge } from '../../../../runtime/cli/init/templates/tool-agent/judge.ts';
import { ToolAgent } from '../../../../runtime/cli/init/templates/tool-agent/workflow.ts';
import { systemPrompt as countdownPrompt } from '../../../../examples/countdown/prompt.ts';
import { systemPrompt as lakePrompt } from '../../../../examples/frozenlake/prompt.ts';
import { calculatorTool, systemPrompt as mathPrompt } from '../../../../examples/math-agent/prompt.ts';
import { splitOf, type Split } from '../../../../examples/seeded.ts';
import type { Task } from '../../../../runtime/protocol/task.ts';
import type { Workflow, WorkflowOutput } from '../../../../runtime/sdk/index.ts';
import { outputData } from '../../../../runtime/sdk/workflow.ts';
import { scriptedServer, tunerFor } from '../../sdk/scripted-server.ts';

const server = await scriptedServer();
const task: Task = { taskId: 't', mainQuery: 'How many?', initMessages: [], envType: 'no_env', metadata: { random_number: 1 }, label: 5 };
const { tuner } = tunerFor(server.url);

function execute(workflow: Workflow): Promise<WorkflowOutput> {
  server.requests.length = 0;
  return workflow.execute({ taskId: 't', episodeUuid: 'r', envType: '', taskBatchIndex: 0, task, signal: new AbortController().signal }, tuner);
}

/** The embedded policy knows the examples' prompts; a template that says something else would never see a reward. */
test('templates speak to the model as the examples do', async () => {
  const add = { calls: [{ name: 'calculator', args: { expression: '2+3' } }] };
  server.say(add, '\\boxed{5}');
  await execute(new ToolAgent());
  assert.equal(server.requests[0]!.body.messages[0]!.content, mathPrompt);
  assert.deepEqual(server.requests[0]!.body.tools, [{ type: 'function', function: calculatorTool }]);
  server.say('x');
  await execute(new MyWorkflow());
  assert.equal(server.requests[0]!.body.messages[0]!.content, countdownPrompt);
  server.say(...Array<string>(8).fill('up'));
  await execute(new Game());
  assert.equal(server.requests[0]!.body.messages[0]!.content, lakePrompt);
  server.say('\\boxed{5}', '\\boxed{5}');
  await execute(new SolverAndChecker());
  assert.equal(server.requests[0]!.body.messages[0]!.content, mathPrompt);
});

test('tool-agent: the judge grades the box against the label', async () => {
  server.say({ calls: [{ name: 'calculator', args: { expression: '2+3' } }] }, '\\boxed{5}');
  const output = outputData(await execute(new ToolAgent()));
  assert.equal(server.requests[1]!.body.messages.at(-1)!.content, '5');
  const judge = new AnswerJudge();
  const grade = (finalAnswer: string): number => judge.judge(task, { ...output, metadata: { finalAnswer } }).reward;
  assert.equal(judge.judge(task, output).reward, 1);
  assert.deepEqual([grade('\\boxed{5.0}'), grade('\\boxed{6}'), grade('5')], [1, 0.1, 0]);
});

test('the calculator computes, and says what it cannot', () => {
  for (const [expression, value] of [['(2+3)*4', 20], ['-3*2+1', -5], ['10/4', 2.5], ['0.1+0.2', 0.3], ['8-3-2', 3], ['2*(3-(4-1))', 0]] as const) {
    assert.equal(calculate(expression), value, expression);
  }
  for (const wrong of ['', '2+', '(2', '2 3', '1/0', 'x', 'process.exit()', '2**3']) assert.throws(() => calculate(wrong), Error, wrong);
});

test('game: each lake can be won, and the environment says who won', () => {
  let won = 0;
  for (let seed = 0; seed < 50; seed++) {
    const lake = new FrozenLake();
    const first = lake.reset({ metadata: { random_number: seed } });
    assert.equal(first, new FrozenLake().reset({ metadata: { random_number: seed } }), 'a seed is a lake');
    assert.match(first, /^( [PGO_]{1}){4}(\n( [PGO_]){4}){3}$/);
    let step = { observation: first, reward: 0, done: false };
    for (let turn = 1; !step.done; turn++) {
      assert.ok(turn <= 8);
      step = lake.step(turn % 2 === 0 ? 'right' : 'down');
    }
    assert.equal(lake.evaluate().reward, step.reward);
    assert.equal(lake.evaluate().success, step.observation.endsWith('P'));
    won += step.reward;
  }
  assert.ok(won > 5 && won < 45, `${won} of 50`);
});

test('multi-agent: agreement ends it, disagreement gives the solver the last word', async () => {
  server.say('\\boxed{5}', '\\boxed{5}');
  assert.deepEqual((await execute(new SolverAndChecker())).logMetrics, { agreed: 1 });
  assert.deepEqual(server.requests.map(({ path }) => path.split('/')[4]).sort(), ['checker', 'solver']);
  server.say('\\boxed{5}', '\\boxed{6}', '\\boxed{7}');
  const output = await execute(new SolverAndChecker());
  assert.equal(output.metadata.finalAnswer, '\\boxed{7}');
  assert.equal(server.requests[2]!.path.split('/')[4], 'solver');
});

test('no task of a template was among the lessons of the embedded policy', () => {
  const rows = (template: string, split: Split): { main_query: string; metadata: { numbers: number[]; target: number } }[] => {
    const file = new URL(`../../../../runtime/cli/init/templates/${template}/data/${split}.jsonl`, import.meta.url);
    return readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  };
  for (const split of ['training', 'validation'] as const) {
    for (const template of ['tool-agent', 'multi-agent']) {
      for (const { main_query: query } of rows(template, split)) assert.equal(splitOf(query), split, query);
    }
    for (const { main_query: query, metadata: { numbers, target } } of rows('blank', split)) assert.equal(splitOf([...numbers, target].join(' ')), split, query);
  }
});
