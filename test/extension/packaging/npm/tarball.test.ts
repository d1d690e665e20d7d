/** What `npm install tuning-fork` gives: packed here, installed by npm into an empty folder whose name has blanks and letters of elsewhere, used as people do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { thisTarget } from '../../../../extension/packaging/target.ts';
import { makeTarball } from '../../../../extension/packaging/npm/tarball.ts';

const tsc = fileURLToPath(new URL('../../../../node_modules/typescript/bin/tsc', import.meta.url));
const target = thisTarget();

let dir: string;
let project: string;
let archive: string;

async function run(command: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime'), TUNING_FORK_IDLE_MS: '1000', NODE_TEST_CONTEXT: undefined };
  const child = spawn(command, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (output += text));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  assert.equal(code, 0, output);
  return output;
}

const node = (...args: string[]): Promise<string> => run(process.execPath, ...args);
const tuningFork = (...args: string[]): Promise<string> => run(join('node_modules/.bin', process.platform === 'win32' ? 'tuning-fork.cmd' : 'tuning-fork'), ...args);

describe('the package for npm', { skip: target === undefined ? 'There is no package for this platform.' : false }, () => {
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tuning-fork-npm-'));
    project = join(dir, 'mein Projekt é 项目');
    await mkdir(join(project, 'data'), { recursive: true });
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
    archive = (await makeTarball([target!], dir)).path;
    await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', 'install', '--prefer-offline', '--no-fund', '--no-audit', '--loglevel=error', join('..', basename(archive)));
  });

  after(async () => {
    await tuningFork('stop', '--force');
    await rm(dir, { recursive: true, force: true });
  });

  it('holds what runs, and needs no script to be installed', async () => {
    const place = join(project, 'node_modules/tuning-fork');
    const { scripts, description, dependencies } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
    assert.equal(scripts, undefined);
    assert.doesNotMatch(description, /%/);
    assert.ok(!Object.hasOwn(dependencies, 'typescript'));
    const files = (await readdir(place, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
    const has = (pattern: RegExp): string[] => files.filter((name) => pattern.test(name));
    assert.equal(has(/onnxruntime_binding\.node$/).length, 1);
    for (const name of ['runtime/worker/main.js', 'runtime/policy/embedded/onnx/train-grad.onnx', 'runtime/gpu/tuning_fork_gpu/__main__.py', 'dist/webview/viewer.js', 'snippets/tuning-fork.schema.json']) {
      assert.ok(files.includes(name), name);
    }
    assert.deepEqual(has(/^(test|examples|extension)\/|\.(map|vsix|pyc)$|runtime\/policy\/lessons|(?<!\.d)\.ts$/).filter((name) => !name.startsWith('runtime/cli/init/templates/')), []);
    assert.equal(JSON.parse(await readFile(join(place, 'node_modules/onnxruntime-node/package.json'), 'utf8')).scripts, undefined);
  });

  it('node main.ts trains a function by tune()', async () => {
    await writeFile(join(project, 'data/train.jsonl'), Array.from({ length: 4 }, (_, i) => `{"question":"${i}+1","answer":"${i + 1}"}\n`).join(''));
    await writeFile(join(project, 'main.ts'), `import { tune, type ChatModel } from 'tuning-fork';
export async function solve(task: { question: string }, model: ChatModel): Promise<number> {
  const { text } = await model.call([{ role: 'user', content: task.question }]);
  return text.length;
}
await tune({
  workflowFunc: solve, trainDataset: { path: 'data', totalSteps: 1 }, model: { modelPath: 'embedded', maxTokens: 12 },
  algorithm: { groupSize: 4, batchSize: 2 }, projectName: 'tune', experimentName: 'first',
});
console.log('over');
`);
    assert.match(await node('main.ts'), /step 1\/1[^]*over\n$/);
  });

  it('its command makes a project that depends on what was installed, and runs it', async () => {
    await tuningFork('init', 'agent', '--template', 'tool-agent');
    const { dependencies } = JSON.parse(await readFile(join(project, 'agent/package.json'), 'utf8'));
    assert.deepEqual(dependencies, { 'tuning-fork': `file:../../${basename(archive)}` });
    assert.match(await tuningFork('rollout', '--conf', 'agent/tuning-fork.yaml', '--tasks', '1', '-n', '2', '--json'), /"type":"finished"/);
    await node(tsc, '-p', 'agent');
  });

  it('each of its entries can be imported, and is typed for the strictest of projects', async () => {
    await writeFile(join(project, 'entries.ts'), `import { ReActAgent, Workflow, WorkflowOutput, tool, z, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { createRolloutServer } from 'tuning-fork/osmosis/server';
import * as osmosis from 'tuning-fork/osmosis';
import { openRunReader } from 'tuning-fork/trace';
import * as exporting from 'tuning-fork/trace/export';
import * as tracker from 'tuning-fork/tracker';

export class Countdown extends Workflow {
  override name = 'countdown';
  override async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const answer = await new ReActAgent({ name: 'player', sysPrompt: '', model: tuner }).reply(task.task.mainQuery);
    const { choices } = await tuner.asOpenAI().chat.completions.create({ model: 'any', messages: [] });
    // @ts-expect-error: it is text
    const wrong: number = answer.text;
    return new WorkflowOutput({ metadata: { wrong, first: choices[0]?.message.content ?? '' } });
  }
}
export const add = tool({ name: 'add', description: '', parameters: z.object({ a: z.number() }), run: ({ a }) => String(a.toFixed()) });

const known = <T>(value: 0 extends 1 & T ? never : T): string => typeof value;
for (const each of [known(createRolloutServer), known(openRunReader), known(osmosis), known(exporting), known(tracker)]) console.log(each);
`);
    assert.deepEqual((await node('entries.ts')).trim().split('\n'), ['function', 'function', 'object', 'object', 'object']);
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noPropertyAccessFromIndexSignature', '--skipLibCheck', 'false'];
    for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']] as const) {
      await node(tsc, '--noEmit', ...strict, '--target', 'es2023', '--module', module, '--moduleResolution', resolution, 'entries.ts');
    }
  });
});
