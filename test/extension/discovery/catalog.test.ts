import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOTS } from '../../../runtime/protocol/config.ts';
import { Catalog } from '../../../extension/discovery/catalog.ts';
import { asOverrides, givenFor, givenIn } from '../../../extension/discovery/given.ts';
import { Sources } from '../../../extension/language/sources.ts';
import { isConfig } from '../../../extension/language/signs.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'tf-catalog-')));
after(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const source = (name: string): string => `import { Workflow } from 'tuning-fork';\nexport class ${name} extends Workflow {}\n`;
const yaml = (workflow: string, judge = 'null'): string => `tuning_fork:\n  rollout:\n    user_workflow: ${workflow}\n  task_judge:\n    judge_protocol: ${judge}\n`;

test('a configuration finds its workflow and its judge, from its folder first, then from the project’s', async () => {
  write('project/package.json', '{}');
  const workflow = write('project/src/agent.ts', source('Agent'));
  const judge = write('project/conf/judge.ts', '');
  const near = write('project/conf/a.yaml', yaml('../src/agent.ts->Agent', 'judge.ts->MyJudge'));
  const far = write('project/conf/b.yml', `ajet:\n  rollout:\n    agentscope_workflow: src/agent.ts->Agent\n  task_judge:\n    judge_protocol: builtin->math_answer\n  nonsense: 1\n`);
  const lost = write('project/conf/c.yaml', yaml('nowhere.ts->Agent'));
  const other = write('project/conf/docker.yaml', 'services: {}\n');
  const catalog = new Catalog(new Sources());
  assert.equal(await catalog.look([workflow, judge, near, far, lost, other]), true);
  const project = join(root, 'project');
  assert.deepEqual(catalog.configs, [
    { file: near, project, workflow: { file: workflow, className: 'Agent' }, judge: { file: judge, className: 'MyJudge' } },
    { file: far, project, workflow: { file: workflow, className: 'Agent' }, judge: undefined },
    { file: lost, project, workflow: undefined, judge: undefined },
  ]);
  const made = write('project/conf/nowhere.ts', source('Agent'));
  assert.equal(await catalog.look([made]), true);
  assert.equal(catalog.configs[2]!.workflow?.file, made, 'a file that comes to be is found');
});

test('a file alone stands for the one workflow that it exports', async () => {
  const workflow = write('alone/main.ts', `import { AgentWorkflow } from 'tuning-fork/osmosis';\nclass Base extends AgentWorkflow { async run() {} }\nexport class Mine extends Base {}\n`);
  const config = write('alone/a.yaml', yaml('main.ts'));
  const catalog = new Catalog(new Sources());
  await catalog.look([workflow, config]);
  assert.deepEqual(catalog.configs[0]!.workflow, { file: workflow, className: 'Mine' });
});

test('a configuration is found by the call of tune() that gets it, from the file’s folder first, then from the project’s', async () => {
  write('tuned/package.json', '{}');
  const tuned = (path: string, ...calls: string[]): string => write(`tuned/${path}`, `import { tune } from 'tuning-fork';\nasync function solve(task, model) {}\nasync function grade(task, response) {}\n${calls.join('\n')}\n`);
  const near = tuned('src/near.ts', "await tune(solve, 'config.yaml');");
  const far = tuned('src/far.ts', "await tune({ workflowFunc: solve, judgeFunc: grade, configPath: 'conf/trinity.yaml' });");
  const named = tuned('named.ts', "await tune(solve, 'ours.yaml');", "await tune(solve, 'rootless.yaml');", "await tune(solve, 'later.yaml');");
  const trinity = write('tuned/conf/trinity.yaml', 'buffer: {}\n');
  const beside = write('tuned/src/config.yaml', 'buffer: {}\n');
  const ours = write('tuned/ours.yaml', yaml('src/near.ts->solve'));
  const rootless = write('tuned/rootless.yaml', 'tuning_fork:\n  task_judge:\n    judge_protocol: named.ts->Mine\n');
  const catalog = new Catalog(new Sources());
  await catalog.look([near, far, named, trinity, beside, ours, rootless]);
  const project = join(root, 'tuned');
  const solve = (file: string) => ({ file, className: 'solve' });
  const judged = { workflow: `${far}->solve`, judge: `${far}->grade`, set: { 'task_judge.judge_type': 'customized_protocol' } };
  assert.deepEqual(catalog.configs, [
    { file: ours, project, workflow: solve(near), judge: undefined },
    { file: trinity, project, workflow: solve(far), given: judged, judge: undefined },
    { file: rootless, project, workflow: solve(named), given: { workflow: `${named}->solve` }, judge: { file: named, className: 'Mine' } },
    { file: beside, project, workflow: solve(near), given: { workflow: `${near}->solve` }, judge: undefined },
  ]);
  const later = write('tuned/later.yaml', 'buffer: {}\n');
  assert.equal(await catalog.look([later]), true, 'a file that comes to be is found');
  assert.deepEqual(catalog.configs.filter(({ file }) => file === later).map(({ given }) => given?.workflow), [`${named}->solve`]);
  assert.equal(givenFor(catalog.configs, { conf: ours }), undefined, 'the configuration says it');
  assert.deepEqual(givenFor(catalog.configs, { conf: trinity }), judged);
  assert.deepEqual(asOverrides(judged), { 'rollout.user_workflow': judged.workflow, 'task_judge.judge_protocol': judged.judge, ...judged.set });
});

test('of several functions that are tuned with one configuration, each is started as itself', async () => {
  const main = write('shared/main.ts', "import { tune } from 'tuning-fork';\nexport async function one(task, model) {}\nexport async function two(task, model) {}\nawait tune(one, 'c.yaml');\nawait tune(two, 'c.yaml');\n");
  const conf = write('shared/c.yaml', 'buffer: {}\n');
  const catalog = new Catalog(new Sources());
  await catalog.look([main, conf]);
  const { configs } = catalog;
  assert.deepEqual(configs.map(({ file, workflow }) => [file, workflow?.className]), [[conf, 'one'], [conf, 'two']]);
  assert.equal(givenFor(configs, { conf, workflow: `${main}->two` })?.workflow, `${main}->two`);
  assert.equal(givenFor(configs, { conf, workflow: `${main}->three` }), undefined);
  assert.equal(givenIn(configs, { conf, workflow: 'two' })?.workflow, `${main}->two`);
});

test('it tells what changed, keeps what it knew while the text is broken, and forgets whole folders', async () => {
  const file = write('changing/agent.ts', source('Agent'));
  const beside = write('changing-not/agent.ts', source('Other'));
  const catalog = new Catalog(new Sources());
  assert.equal(await catalog.look([file, beside]), true);
  assert.equal(await catalog.look([file]), false);
  const typed = (text: string) => () => text;
  assert.equal(await catalog.look([file], typed(source('Renamed'))), true);
  assert.equal(await catalog.look([file], typed(`${source('Renamed')} export class {{`)), false);
  assert.deepEqual(catalog.workflows.map(({ className }) => className), ['Other', 'Renamed']);
  assert.equal(await catalog.look([file], typed('export {};')), true);
  assert.equal(await catalog.look([file]), true);
  assert.equal(catalog.forget(dirname(file)), true);
  assert.deepEqual(catalog.workflows.map(({ className }) => className), ['Other']);
});

test('files that have nothing of us cost no parse, and the first look at 5,000 blocks nobody', async () => {
  const files = Array.from({ length: 5_000 }, (_, i) => write(`many/${i % 50}/${i}.ts`, i % 100 === 0 ? source(`Agent${i}`) : `export const value${i} = ${i};\n`.repeat(40)));
  const catalog = new Catalog(new Sources());
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const started = performance.now();
  delay.enable();
  await catalog.look(files);
  delay.disable();
  const took = performance.now() - started;
  assert.equal(catalog.workflows.length, 50);
  assert.ok(delay.percentile(99) / 1e6 < took / 4, `of ${took} ms the event loop waited ${delay.percentile(99) / 1e6} ms in one go`);
});

test('a YAML is ours by its root or its name', () => {
  for (const name of ROOTS) assert.ok(isConfig('/a/b.yaml', `# x\n${name}:\n`), name);
  assert.ok(isConfig('/a/tuning-fork.yaml', ''));
  assert.ok(!isConfig('/a/b.yaml', 'services:\n  ajet: 1\n'));
});

test('the examples are found', async () => {
  const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));
  const names = ['math-agent', 'countdown', 'frozenlake', 'duel'];
  const catalog = new Catalog(new Sources());
  await catalog.look(names.flatMap((name) => [join(examples, name, 'workflow.ts'), join(examples, name, `${name}.yaml`)]));
  assert.deepEqual(catalog.configs.map(({ workflow }) => workflow?.className), ['Countdown', 'Duel', 'FrozenLakeWalk', 'MathAgent']);
  assert.deepEqual(catalog.workflows.map(({ className }) => className), ['Countdown', 'Duel', 'FrozenLakeWalk', 'MathAgent']);
  assert.deepEqual(catalog.workflows[1]!.roles, ['runner', 'rival']);
  const [main, config] = [join(examples, 'tune/main.ts'), join(examples, 'tune/config.yaml')];
  await catalog.look([main, config]);
  assert.deepEqual(catalog.configs.find(({ file }) => file === config)?.given, { workflow: `${main}->runReactAgent` });
});
