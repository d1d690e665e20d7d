import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readModule } from '../../../runtime/contracts/module.ts';
import { applyEdits } from '../../../runtime/contracts/problem.ts';
import { namedFunctionProblems, tunedFunctions, tunedProblems } from '../../../runtime/contracts/tuned.ts';

const IMPORTS = "import { tune, type ChatModel, type JsonObject } from 'tuning-fork';\nimport type { OpenAIChatModel } from 'elsewhere';\n";
const english = { t: (message: string, ...args: (string | number)[]): string => message.replace(/\{(\d+)\}/g, (_, i: string) => String(args[Number(i)])) };

function problems(code: string, call = "await tune(run, 'config.yaml');"): string[] {
  return tunedProblems(readModule(`${IMPORTS}${code}\n${call}`, 'main.ts')!, english).map(({ message }) => message);
}

/** The cases of AgentScope's own test of its signatures. */
const CASES: [why: string, code: string, messages: string[]][] = [
  ['right', 'async function run(task: JsonObject, model: ChatModel): Promise<number> { return 0; }', []],
  ['right, as an arrow', 'const run = async (task: { q: string }, model: ChatModel): Promise<number> => 0;', []],
  ['right, without types', 'const run = async (task, model) => 0;', []],
  ['right, taken apart', 'const run = async ({ q }: { q: string }, model: ChatModel) => 0;', []],
  ['not async', 'function run(task: JsonObject, model: ChatModel): number { return 0; }', ['The function is not asynchronous.', 'Expected return type Promise<number>, but got number']],
  ['one too many', 'async function run(task: JsonObject, model: ChatModel, more: string): Promise<number> { return 0; }', ['Expected 2 parameters, but got 3']],
  ['one missing', 'async function run(task: JsonObject): Promise<number> { return 0; }', ['Expected 2 parameters, but got 1']],
  ['a list as task', 'async function run(task: string[], model: ChatModel): Promise<number> { return 0; }', ['Expected parameter task of type JsonObject, but got task of type string[]']],
  ['another model', 'async function run(task: JsonObject, model: OpenAIChatModel): Promise<number> { return 0; }', ['Expected parameter model of type ChatModel, but got model of type OpenAIChatModel']],
  ['a model of the project, which may be ours', "import type { Policy } from './types.ts';\nasync function run(task: JsonObject, model: Policy): Promise<number> { return 0; }", []],
  ['another name', 'async function run(task: JsonObject, llm: ChatModel): Promise<number> { return 0; }', ['Expected parameter model of type ChatModel, but got llm of type ChatModel']],
  ['a text as reward', 'async function run(task: JsonObject, model: ChatModel): Promise<string> { return ""; }', ['Expected return type Promise<number>, but got Promise<string>']],
  ['any number of them', 'async function run(...all: unknown[]): Promise<number> { return 0; }', ['A rest parameter is not allowed: ...all: unknown[]']],
];

for (const [why, code, messages] of CASES) {
  test(`tune(function, file): ${why}`, () => assert.deepEqual(problems(code), messages));
}

test('tune({ … }) looks at names, and at the judge', () => {
  const call = 'await tune({ workflowFunc: run, judgeFunc: grade });';
  const right = 'async function run(task: string, model: string, { logger }) { return { response: 1 }; }\n';
  assert.deepEqual(problems(`${right}async function grade(task, response) { return { reward: 1 }; }`, call), []);
  assert.deepEqual(problems(`${right}async function grade(task) { return 1; }`, call), ['Missing essential parameters: [response]']);
  assert.deepEqual(problems('async function run(task, model, a, b) { return 1; }', 'tune({ workflowFunc: run });'), ['Contains disallowed parameters: [a, b]']);
});

test('fixes mend what they are offered for', () => {
  const text = `${IMPORTS}function run(task: string, model: OpenAIChatModel): number { return 0; }\nawait tune(run, 'c.yaml');`;
  let mended = text;
  for (let left = 5; left > 0; left--) {
    const fix = tunedProblems(readModule(mended, 'main.ts')!, english).flatMap(({ fixes }) => fixes)[0];
    if (fix === undefined) break;
    mended = applyEdits(mended, fix.edits);
  }
  assert.match(mended, /async function run\(task: JsonObject, model: ChatModel\): Promise<number>/);
  assert.deepEqual(tunedProblems(readModule(mended, 'main.ts')!, english), []);
});

test('before a run a function is checked by its name, with its line', () => {
  const text = 'export class Other {}\nexport function run(task, model) { return 0; }\n';
  assert.deepEqual(namedFunctionProblems(text, 'main.ts', 'run', 'workflow'), [{ line: 2, column: 17, message: 'The function is not asynchronous.' }]);
  assert.equal(namedFunctionProblems(text, 'main.ts', 'Other', 'workflow'), undefined);
});

/** What a call of `tune` trains `run` with. */
function calls(call: string): (string | undefined)[] {
  const [run] = tunedFunctions(readModule(`${IMPORTS}const CONF = 'conf/a.yaml';\nasync function run(task, model) {}\nasync function grade(task, response) {}\n${call}`, 'main.ts')!);
  return run!.calls.map(({ config, judge }) => (judge === undefined ? config : `${config} ${judge}`));
}

const PATHS: [path: string, read: string | undefined][] = [
  ["'config.yaml'", 'config.yaml'],
  ['`/etc/a.yaml`', '/etc/a.yaml'],
  ['CONF', 'conf/a.yaml'],
  ["join(import.meta.dirname, 'config.yaml')", 'config.yaml'],
  ["path.resolve(import.meta.dirname, '..', 'conf', 'a.yaml')", '../conf/a.yaml'],
  ["new URL('config.yaml', import.meta.url)", 'config.yaml'],
  ["new URL('./a%20b.yaml', import.meta.url).pathname", './a b.yaml'],
  ["fileURLToPath(new URL('../config.yaml', import.meta.url))", '../config.yaml'],
  ["new URL('config.yaml', 'https://example.com')", undefined],
  ["join(process.cwd(), 'config.yaml')", undefined],
  ["join(homedir(), 'config.yaml')", undefined],
  ['process.argv[2]', undefined],
  ['`${name}.yaml`', undefined],
];

for (const [path, read] of PATHS) {
  test(`the configuration ${path}`, () => {
    assert.deepEqual(calls(`await tune(run, ${path});`), [read]);
    assert.deepEqual(calls(`await tune({ workflowFunc: run, configPath: ${path} });`), [read]);
  });
}

test('a configuration that options of the call stand above is told by a run alone', () => {
  assert.deepEqual(calls("tune(run, 'a.yaml'); tune(run, 'b.yaml');"), ['a.yaml', 'b.yaml']);
  assert.deepEqual(calls('tune({ workflowFunc: run, trainDataset: { path: "data" } });'), [undefined]);
  assert.deepEqual(calls("tune({ workflowFunc: run, judgeFunc: grade, projectName: 'p', configPath: 'a.yaml' });"), ['a.yaml grade']);
  for (const more of ["model: { modelPath: 'm' }", '...rest', 'judgeFunc: elsewhere']) assert.deepEqual(calls(`tune({ workflowFunc: run, ${more}, configPath: 'a.yaml' });`), [undefined], more);
});
