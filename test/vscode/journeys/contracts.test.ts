import assert from 'node:assert/strict';
import { journey } from '../journey.ts';
import { until } from '../until.ts';

const OSMOSIS = `import { AgentWorkflow, Grader, RolloutContext, type AgentWorkflowContext, type GraderContext } from 'tuning-fork/osmosis';

export class Adder extends AgentWorkflow {
  async run(ctx: AgentWorkflowContext): Promise<void> {
    const rollout = RolloutContext.current();
    const { message } = await rollout.model('adder').call(ctx.prompt);
    rollout.registerSampleSource('adder', [...ctx.prompt, message]);
  }
}

export class Length extends Grader {
  async grade(ctx: GraderContext): Promise<void> {
    const said = String(ctx.sample.messages.at(-1)!.content);
    ctx.setReward(said.length % 2 === Number(ctx.label) ? 1 : 0);
  }
}
`;

const CONFIG = `tuning_fork:
  rollout: { user_workflow: main.ts, num_repeat: 4, max_response_length_in_one_turn: 16 }
  task_reader:
    jsonl_dataset_file: { training: { file_path: tasks.jsonl }, validation: { file_path: tasks.jsonl } }
`;

const files = { 'package.json': '{ "type": "module" }\n', 'main.ts': OSMOSIS, 'tuning-fork.yaml': CONFIG, 'tasks.jsonl': '{"user_prompt":"1+1?","ground_truth":1}\n{"user_prompt":"2+2?","ground_truth":0}\n' };

journey('an AgentWorkflow of Osmosis’ contract is debugged, run, and shows its reward beside the code', { workspace: { files } }, async ({ workbench, screenshot }) => {
  await workbench.open('main.ts');
  await workbench.codeLens('Run Rollouts').waitFor();
  await workbench.breakpoint(7);
  await workbench.breakpoint(14);
  await workbench.codeLens('Debug').click();
  assert.equal((await workbench.stopped()).line, 7);
  await workbench.variable('Local', /message\s*=/);
  await workbench.debugButton('Continue').click();
  await until(async () => (await workbench.stopped()).line === 14, 'It did not stop in the grader.');
  await workbench.variable('Local', /said\s*=/);
  await screenshot('osmosis-grader');
  await workbench.command('Debug: Stop');
  await workbench.codeLens('Run Rollouts').click();
  await until(async () => (await workbench.inlineTexts()).some((text) => /0\.\d\d.*8|of 8|× ?8|8 rollouts/.test(text)), `No reward stands beside run(): ${(await workbench.inlineTexts()).join(' | ')}`, 60_000);
  await screenshot('osmosis-inline');
});

const TUNE = `import { tune, type ChatModel, type JsonObject } from 'tuning-fork';

async function solve(task: JsonObject, llm: ChatModel): Promise<number> {
  return (await llm.call([{ role: 'user', content: String(task.question) }])).text.length % 2;
}

await tune(solve, 'config.yaml');
`;

const TUNED = `import { tune, type ChatModel, type JsonObject } from 'tuning-fork';

async function solve(task: JsonObject, model: ChatModel): Promise<{ response: string }> {
  const answer = await model.call([{ role: 'user', content: String(task.question) }]);
  return { response: answer.text };
}

async function grade(task: JsonObject, response: unknown): Promise<number> {
  return String(response).length % 2;
}

await tune({ workflowFunc: solve, judgeFunc: grade, configPath: new URL('config.yaml', import.meta.url).pathname });
`;

const TRINITY = `project: tuned
algorithm: { algorithm_type: grpo, repeat_times: 4 }
model: { model_path: embedded, max_response_tokens: 16 }
buffer:
  explorer_input:
    taskset: { path: tasks.jsonl, format: { prompt_key: question } }
cluster: { node_num: 1 }
`;

const IN_CODE = TUNED.replace(/configPath:.*/, "trainDataset: { path: 'tasks.jsonl' } });");
/** The empty one only wakes the extension, as an installed package does. */
const tuned = { 'package.json': '{ "type": "module" }\n', 'tuning-fork.yaml': '', 'main.ts': TUNED, 'code.ts': IN_CODE, 'wrong/wrong.ts': TUNE, 'config.yaml': TRINITY, 'tasks.jsonl': '{"question":"1+1?"}\n{"question":"2+2?"}\n' };

journey('a function of tune() is debugged and run with the configuration of Trinity-RFT that its call names; one that tune could not use is told where it is written', { workspace: { files: tuned } }, async ({ workbench, page, screenshot }) => {
  await workbench.open('main.ts');
  await workbench.codeLens('Run Rollouts').waitFor();
  await workbench.breakpoint(5);
  await workbench.codeLens('Debug').click();
  assert.equal((await workbench.stopped()).line, 5);
  await workbench.variable('Local', /answer\s*=/);
  await workbench.command('Debug: Stop');
  await workbench.codeLens('Run Rollouts').click();
  await until(async () => (await workbench.inlineTexts()).some((text) => /0\.\d\d.*8|of 8|× ?8|8 rollouts/.test(text)), `No reward stands beside the function: ${(await workbench.inlineTexts()).join(' | ')}`, 60_000);
  await screenshot('tune-inline');
  await workbench.open('config.yaml');
  await page.locator('.squiggly-warning').first().waitFor();
  await workbench.open('code.ts');
  await workbench.codeLens('Start Training').click();
  await workbench.notification(/"node code\.ts" trains it/);
  await screenshot('tune-in-code');
  await workbench.open('wrong.ts');
  await page.locator('.squiggly-error').first().waitFor();
  await workbench.command('Problems: Focus on Problems View');
  await page.getByText('Expected parameter model of type ChatModel, but got llm of type ChatModel').first().waitFor();
});
