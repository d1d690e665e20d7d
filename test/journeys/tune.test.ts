/** `node main.ts` with AgentScope's `tune`: a function and a configuration of Trinity-RFT train real weights, the newer form with a judge too. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scaffold } from '../../runtime/cli/init/scaffold.ts';

const bin = fileURLToPath(new URL('../../runtime/cli/bin.mjs', import.meta.url));
let root: string;
let project: string;

const run = async (...args: string[]): Promise<{ code: number | null; output: string }> => {
  const child = spawn(process.execPath, args, { cwd: project, env: { ...process.env, TUNING_FORK_RUNTIME_DIR: join(root, 'runtime'), TUNING_FORK_IDLE_MS: '1000' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (output += text));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output };
};

const FUNCTION = `export async function solve(task: { question: string; answer: string }, model: ChatModel): Promise<number> {
  const { text } = await model.call([{ role: 'user', content: task.question }]);
  return text.length % 2;
}
`;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tuning-fork-tune-'));
  project = join(root, 'project');
  await scaffold(project, 'blank');
  await mkdir(join(project, 'data'), { recursive: true });
  await writeFile(join(project, 'data/train.jsonl'), Array.from({ length: 4 }, (_, i) => `{"question":"${i}+1","answer":"${i + 1}"}\n`).join(''));
  await writeFile(join(project, 'config.yaml'), `project: tune
name: first
algorithm: { algorithm_type: grpo, repeat_times: 4 }
model: { model_path: embedded, max_response_tokens: 12 }
buffer:
  batch_size: 2
  total_steps: 2
  explorer_input:
    taskset: { path: data, split: train, format: { prompt_key: question } }
explorer: { eval_interval: 100 }
synchronizer: { sync_interval: 2 }
`);
});

after(async () => {
  await run(bin, 'stop', '--force');
  await rm(root, { recursive: true, force: true });
});

async function runOf(name: string): Promise<{ config: { rollout: { user_workflow: string } }; state: string; dir: string }> {
  const folder = join(project, 'runs', name);
  const dir = join(folder, (await readdir(folder)).sort().at(-1)!);
  return { ...JSON.parse(await readFile(join(dir, 'run.json'), 'utf8')), dir };
}

it('trains a function by a configuration of Trinity-RFT, which says what has no effect', async () => {
  await writeFile(join(project, 'main.ts'), `import { tune, type ChatModel } from 'tuning-fork';\n${FUNCTION}await tune(solve, 'config.yaml');\nconsole.log('over');\n`);
  const { code, output } = await run('main.ts');
  assert.equal(code, 0, output);
  assert.match(output, /step 2\/2/);
  assert.match(output, /synchronizer(\.sync_interval)? has no effect here/);
  assert.match(output, /over\n$/);
  const { config, state } = await runOf('tune/first');
  assert.equal(state, 'finished');
  assert.match(config.rollout.user_workflow, /main\.ts->solve$/);
});

it('trains by options alone, a function of a judge too, and needs no file', async () => {
  await writeFile(join(project, 'named.ts'), `import { tune, type ChatModel } from 'tuning-fork';
const solve = async (task: { question: string }, model: ChatModel) => ({ response: (await model.call([{ role: 'user', content: task.question }])).text });
const grade = async (task: { answer: string }, response: unknown) => ({ reward: String(response).length % 2, metrics: { length: String(response).length } });
await tune({
  workflowFunc: solve, judgeFunc: grade, trainDataset: { path: 'data', totalSteps: 1 }, model: { modelPath: 'embedded', maxTokens: 12 },
  algorithm: { algorithmType: 'multi_step_grpo', groupSize: 4, batchSize: 2 }, projectName: 'tune', experimentName: 'named',
});
`);
  const { code, output } = await run('named.ts');
  assert.equal(code, 0, output);
  assert.match(output, /step 1\/1/);
  assert.equal((await runOf('tune/named')).state, 'finished');
});

it('trains two functions of one file at once, each by its own options', async () => {
  await writeFile(join(project, 'both.ts'), `import { tune, type ChatModel } from 'tuning-fork';
const said = async (model: ChatModel): Promise<number> => (await model.call([{ role: 'user', content: '1+1' }])).text.length % 2;
async function one(task: object, model: ChatModel): Promise<number> { console.log('this is one'); return said(model); }
async function two(task: object, model: ChatModel): Promise<number> { console.log('this is two'); return said(model); }
const common = { model: { modelPath: 'embedded', maxTokens: 8 }, algorithm: { groupSize: 2, batchSize: 1 }, projectName: 'both' };
await Promise.all([
  tune({ ...common, workflowFunc: one, trainDataset: { path: 'data', totalSteps: 1 } }),
  tune({ ...common, workflowFunc: two, trainDataset: { path: 'data', totalSteps: 2 } }),
]);
`);
  const { code, output } = await run('both.ts');
  assert.equal(code, 0, output);
  assert.deepEqual([output.match(/this is one/g)?.length, output.match(/this is two/g)?.length], [2, 4]);
  for (const name of ['one', 'two']) assert.equal((await runOf(`both/${name}`)).state, 'finished');
});

it('refuses a function of another form before anything runs, with its line', async () => {
  await writeFile(join(project, 'wrong.ts'), `import { tune, type ChatModel } from 'tuning-fork';\n${FUNCTION.replace('model: ChatModel', 'llm: ChatModel').replace('model.call', 'llm.call')}await tune(solve, 'config.yaml');\n`);
  const { code, output } = await run('wrong.ts');
  assert.equal(code, 2);
  assert.match(output, /wrong\.ts:2:73\n?.*Expected parameter model of type ChatModel, but got llm of type ChatModel/s);
});

it('what the command has said is not said again where nobody catches it; who catches it goes on', async () => {
  const file = (rest: string): string => `import { tune, type ChatModel } from 'tuning-fork';\n\n${FUNCTION}\n${rest}\n`;
  await writeFile(join(project, 'uncaught.ts'), file("await tune(solve, 'confg.yaml');"));
  const uncaught = await run('uncaught.ts');
  assert.equal(uncaught.code, 2, uncaught.output);
  assert.match(uncaught.output, /confg\.yaml: There is no such configuration file\.\n {2}→ Did you mean config\.yaml\?\n$/);
  await writeFile(join(project, 'caught.ts'), file("await tune(solve, 'confg.yaml').catch((error: Error) => console.log(error.message));"));
  const caught = await run('caught.ts');
  assert.equal(caught.code, 0, caught.output);
  assert.match(caught.output, /The training ended with exit code 2\.\n$/);
});
