import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bodyOfExecute, contractProblems } from '../../../extension/language/contracts.ts';
import { applyEdits, type L10n, type Problem } from '../../../runtime/contracts/problem.ts';

const english: L10n = { t: (message, ...args) => message.replace(/\{(\d+)\}/g, (_, i: string) => String(args[Number(i)])) };
const problems = (text: string): Problem[] => contractProblems(text, 'a.ts', english)!;

interface Case {
  title: string;
  /** What is underlined stands between « and ». */
  text: string;
  code: string;
  says: string;
  fix?: string;
  mended?: string;
}

const HEAD = "import { Judge, Workflow, WorkflowOutput, type ModelTuner, type OutputData, type Task, type Verdict, type WorkflowTask } from 'tuning-fork';\n";
const inExecute = (body: string, above = ''): string => `${HEAD}export class A extends Workflow {
  name = 'a';${above}
  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    ${body}
  }
}
`;
const inJudge = (body: string, correct = ''): string => `${HEAD}export class J extends Judge {
  judge(task: Task, output: OutputData): Verdict {
    const correct = output.metadata.answer === task.label;${correct}
    ${body}
  }
}
`;
const rewarded = (reward: string): string => inExecute(`return new WorkflowOutput({ reward: ${reward}, metadata: { id: task.taskId, url: tuner.baseURL } });`);

const cases: Case[] = [
  {
    title: 'not async, by its type', code: 'not-async', says: '`execute` must be async: it gives a promise of a WorkflowOutput.', fix: 'Make execute async',
    text: inExecute('return new WorkflowOutput({ reward: 1 });').replace('async execute', '«execute»').replace('Promise<WorkflowOutput>', 'WorkflowOutput'),
    mended: inExecute('return new WorkflowOutput({ reward: 1 });'),
  },
  {
    title: 'not async, by what it gives', code: 'not-async', says: '`execute` must be async: it gives a promise of a WorkflowOutput.', fix: 'Make execute async',
    text: `${HEAD}export class A extends Workflow { name = 'a'; «execute»(task: WorkflowTask, tuner: ModelTuner) { return new WorkflowOutput(); } }`,
    mended: `${HEAD}export class A extends Workflow { name = 'a'; async execute(task: WorkflowTask, tuner: ModelTuner) { return new WorkflowOutput(); } }`,
  },
  {
    title: 'not async, and it waits', code: 'not-async', says: '`execute` waits for something, so it must be async.', fix: 'Make execute async',
    text: inExecute('const reply = await tuner.call([]);\n    return new WorkflowOutput({ metadata: { text: reply.text } });').replace('async execute', '«execute»'),
    mended: inExecute('const reply = await tuner.call([]);\n    return new WorkflowOutput({ metadata: { text: reply.text } });'),
  },
  {
    title: 'a property', code: 'method-kind', says: '`execute` is a property; it must be a method, execute(task, tuner) { … }.', fix: 'Make it a method',
    text: `${HEAD}export class A extends Workflow {\n  name = 'a';\n  «execute» = async (task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> => {\n    return new WorkflowOutput({ reward: null });\n  }\n}\n`,
    mended: `${HEAD}export class A extends Workflow {\n  name = 'a';\n  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {\n    return new WorkflowOutput({ reward: null });\n  }\n}\n`,
  },
  {
    title: 'a generator', code: 'method-kind', says: '`execute` must be a plain method: it is called once, as execute(task, tuner).',
    text: inExecute('return new WorkflowOutput();').replace('async execute', 'async *«execute»'),
  },
  {
    title: 'no execute', code: 'method-missing', says: 'A has no method execute(task, tuner).', fix: 'Add execute(task, tuner)',
    text: `import { Workflow } from 'tuning-fork';\n\nexport class «A» extends Workflow {\n  name = 'a';\n}\n`,
    mended: `import { Workflow, type WorkflowTask, type ModelTuner, WorkflowOutput } from 'tuning-fork';\n\nexport class A extends Workflow {\n  name = 'a';\n\n  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {\n    return new WorkflowOutput({ reward: null });\n  }\n}\n`,
  },
  {
    title: 'parameters in the wrong order', code: 'parameter-order', says: '`execute` is called with (task, tuner), in this order.', fix: 'Swap the parameters',
    text: inExecute('return new WorkflowOutput({ metadata: { id: task.taskId, url: tuner.baseURL } });').replace('task: WorkflowTask, tuner: ModelTuner', '«tuner: ModelTuner, task: WorkflowTask»'),
    mended: inExecute('return new WorkflowOutput({ metadata: { id: task.taskId, url: tuner.baseURL } });'),
  },
  {
    title: 'the same without types', code: 'parameter-order', says: '`execute` is called with (task, tuner), in this order.', fix: 'Swap the parameters',
    text: `import { Workflow } from 'tuning-fork';\nexport class A extends Workflow { name = 'a'; async execute(«tuner, task») { return tuner.call(task); } }`,
  },
  {
    title: 'too many parameters', code: 'parameter-count', says: '`execute` is called with (task, tuner) and nothing else.', fix: 'Take out what is not given',
    text: inExecute('return new WorkflowOutput();').replace('tuner: ModelTuner', 'tuner: ModelTuner, «seed: number, more: string»'),
    mended: inExecute('return new WorkflowOutput();'),
  },
  {
    title: 'no tuner', code: 'no-tuner', says: '`execute` takes no tuner, so it can call no model and there is nothing to train.', fix: 'Take the tuner',
    text: `import { Workflow, WorkflowOutput } from 'tuning-fork';\nexport class A extends Workflow {\n  name = 'a';\n  async «execute»() {\n    return new WorkflowOutput();\n  }\n}\n`,
    mended: `import { Workflow, WorkflowOutput, type WorkflowTask, type ModelTuner } from 'tuning-fork';\nexport class A extends Workflow {\n  name = 'a';\n  async execute(_task: WorkflowTask, tuner: ModelTuner) {\n    return new WorkflowOutput();\n  }\n}\n`,
  },
  {
    title: 'the row in place of the task', code: 'parameter-type', says: '`execute` gets a WorkflowTask; the row of the data is its `task`.', fix: 'Write WorkflowTask',
    text: `import { Workflow, WorkflowOutput, type ModelTuner, type Task } from 'tuning-fork';\nexport class A extends Workflow {\n  name = 'a';\n  async execute(task: «Task», tuner: ModelTuner) {\n    return new WorkflowOutput({ metadata: { id: task.taskId, url: tuner.baseURL } });\n  }\n}\n`,
    mended: `import { Workflow, WorkflowOutput, type ModelTuner, type Task, type WorkflowTask } from 'tuning-fork';\nexport class A extends Workflow {\n  name = 'a';\n  async execute(task: WorkflowTask, tuner: ModelTuner) {\n    return new WorkflowOutput({ metadata: { id: task.taskId, url: tuner.baseURL } });\n  }\n}\n`,
  },
  {
    title: 'a type that can’t be', code: 'parameter-type', says: 'The parameter `tuner` of `execute` is a ModelTuner.', fix: 'Write ModelTuner',
    text: inExecute('return new WorkflowOutput();').replace('tuner: ModelTuner', 'tuner: «string»'),
    mended: inExecute('return new WorkflowOutput();'),
  },
  {
    title: 'nothing to train', code: 'targets-empty', says: '`trainableTargets` is empty, which would train nothing.', fix: 'Train every role: take it out',
    text: inExecute('return new WorkflowOutput();', '\n  override trainableTargets = «[]»;'),
    mended: inExecute('return new WorkflowOutput();'),
  },
  {
    title: 'nothing to train, though there are roles', code: 'targets-empty', says: '`trainableTargets` is empty, which would train nothing.', fix: 'Train solver, critic',
    text: inExecute("for (const role of ['solver'] as const) tuner.getModel(role);\n    tuner.getModel('solver');\n    tuner.getModel('critic');\n    return new WorkflowOutput();", '\n  override trainableTargets: string[] = «[]»;'),
    mended: inExecute("for (const role of ['solver'] as const) tuner.getModel(role);\n    tuner.getModel('solver');\n    tuner.getModel('critic');\n    return new WorkflowOutput();", "\n  override trainableTargets: string[] = ['solver', 'critic'];"),
  },
  {
    title: 'targets that are no list', code: 'targets-list', says: '`trainableTargets` is a list of roles.', fix: 'Make it a list',
    text: inExecute("tuner.getModel('solver');\n    return new WorkflowOutput();", "\n  override trainableTargets = «'solver'»;"),
    mended: inExecute("tuner.getModel('solver');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
  },
  {
    title: 'a target that is no text', code: 'targets-list', says: 'A role is a text.', fix: "Write '1'",
    text: inExecute("tuner.getModel('1');\n    return new WorkflowOutput();", '\n  override trainableTargets = [«1»];'),
    mended: inExecute("tuner.getModel('1');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['1'];"),
  },
  {
    title: 'a role that is neither trained nor registered', code: 'unknown-role', says: 'The role `critic` is not trained and has no default model.', fix: 'Register it with a default model',
    text: inExecute("tuner.getModel('solver');\n    tuner.getModel(«'critic'»);\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
    mended: inExecute("tuner.getModel('solver');\n    tuner.registerModel('critic', { defaultModel: 'ollama:qwen3' });\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
  },
  {
    title: 'the same, to be trained', code: 'unknown-role', says: 'The role `critic` is not trained and has no default model.', fix: 'Train critic',
    text: inExecute("tuner.getModel('solver');\n    tuner.getModel(«'critic'»);\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
    mended: inExecute("tuner.getModel('solver');\n    tuner.getModel('critic');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver', 'critic'];"),
  },
  {
    title: 'a role misspelt, all of them trained', code: 'unknown-role', says: 'The role `solvr` is never registered; `solver` is.', fix: "Write 'solver'",
    text: inExecute("tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });\n    tuner.getModel(«'solvr'»);\n    return new WorkflowOutput();"),
    mended: inExecute("tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });\n    tuner.getModel('solver');\n    return new WorkflowOutput();"),
  },
  {
    title: 'a target misspelt', code: 'unused-role', says: 'No model is asked for in the role `solvr`, so nothing of it is trained.', fix: "Write 'solver'",
    text: inExecute("tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });\n    return new WorkflowOutput();", "\n  override trainableTargets = [«'solvr'»];"),
    mended: inExecute("tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
  },
  {
    title: 'a target too many', code: 'unused-role', says: 'No model is asked for in the role `critic`, so nothing of it is trained.', fix: 'Take it out',
    text: inExecute("tuner.getModel('solver');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver', «'critic'»];"),
    mended: inExecute("tuner.getModel('solver');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
  },
  {
    title: 'the tuner itself, while a role is trained', code: 'unknown-role', says: 'The tuner itself is the role `default`, which is not trained and has no default model.', fix: 'Use the role solver',
    text: inExecute('const reply = await «tuner».call([]);\n    return new WorkflowOutput({ metadata: { text: reply.text } });', "\n  override trainableTargets = ['solver'];"),
    mended: inExecute("const reply = await tuner.getModel('solver').call([]);\n    return new WorkflowOutput({ metadata: { text: reply.text } });", "\n  override trainableTargets = ['solver'];"),
  },
  { title: 'a text for a reward', code: 'reward', says: 'The reward is a text; it must be a number, or null so that the judge grades.', fix: 'Write 0.5', text: rewarded("«'0.5'»"), mended: rewarded('0.5') },
  { title: 'words for a reward', code: 'reward', says: 'The reward is a text; it must be a number, or null so that the judge grades.', fix: 'Write null', text: rewarded("«'good'»"), mended: rewarded('null') },
  { title: 'true for a reward', code: 'reward', says: 'The reward is true; it must be a number, or null so that the judge grades.', fix: 'Write 1', text: rewarded('«true»'), mended: rewarded('1') },
  {
    title: 'a comparison for a reward', code: 'reward', says: 'The reward is true or false; it must be a number, or null so that the judge grades.', fix: "Write task.taskId === 'a' ? 1 : 0",
    text: rewarded("«task.taskId === 'a'»"), mended: rewarded("task.taskId === 'a' ? 1 : 0"),
  },
  { title: 'one side of a choice', code: 'reward', says: 'The reward is false; it must be a number, or null so that the judge grades.', fix: 'Write 0', text: rewarded("task.taskId === 'a' ? 1 : «false»"), mended: rewarded("task.taskId === 'a' ? 1 : 0") },
  { title: 'a number made a text', code: 'reward', says: 'The reward is a text; it must be a number, or null so that the judge grades.', fix: 'Write Number((1 / 3).toFixed(2))', text: rewarded('«(1 / 3).toFixed(2)»'), mended: rewarded('Number((1 / 3).toFixed(2))') },
  { title: 'no finite number', code: 'reward', says: 'The reward is -Infinity; it must be a number, or null so that the judge grades.', fix: 'Write null', text: rewarded('«-Infinity»'), mended: rewarded('null') },
  {
    title: 'not exported', code: 'not-exported', says: 'A is not exported, so no configuration can name it as its workflow.', fix: 'Export A',
    text: inExecute('return new WorkflowOutput();').replace('export class A', 'class «A»'), mended: inExecute('return new WorkflowOutput();'),
  },
  {
    title: 'no name', code: 'no-name', says: 'A workflow has a `name`.', fix: 'Add a name',
    text: `${HEAD}export class «MathAgent» extends Workflow {\n  async execute(task: WorkflowTask, tuner: ModelTuner) {\n    return new WorkflowOutput();\n  }\n}\n`,
    mended: `${HEAD}export class MathAgent extends Workflow {\n  name = 'math_agent';\n  async execute(task: WorkflowTask, tuner: ModelTuner) {\n    return new WorkflowOutput();\n  }\n}\n`,
  },
  {
    title: 'a judge that waits', code: 'not-async', says: '`judge` waits for something, so it must be async.', fix: 'Make judge async',
    text: inJudge('await Promise.resolve();\n    return { reward: 1, success: correct };').replace('  judge(', '  «judge»('),
    mended: inJudge('await Promise.resolve();\n    return { reward: 1, success: correct };').replace('  judge(', '  async judge(').replace(': Verdict {', ': Promise<Verdict> {'),
  },
  {
    title: 'a judge’s parameters the wrong way round', code: 'parameter-order', says: '`judge` is called with (task, output), in this order.', fix: 'Swap the parameters',
    text: inJudge('return { reward: 1, success: correct };').replace('task: Task, output: OutputData', '«output: OutputData, task: Task»'), mended: inJudge('return { reward: 1, success: correct };'),
  },
  {
    title: 'a judge without its method', code: 'method-missing', says: 'J has no method judge(task, output).', fix: 'Add judge(task, output)',
    text: `import { Judge } from 'tuning-fork';\nexport class «J» extends Judge {}\n`,
    mended: `import { Judge, type Task, type OutputData, type Verdict } from 'tuning-fork';\nexport class J extends Judge {\n  judge(task: Task, output: OutputData): Verdict {\n    return { reward: 0, success: false };\n  }\n}\n`,
  },
  { title: 'a bare reward', code: 'verdict', says: 'A judge returns { reward, success }, not true or false.', fix: 'Return { reward, success }', text: inJudge('return «output.metadata.a === task.label»;'), mended: inJudge('return { reward: output.metadata.a === task.label ? 1 : 0, success: output.metadata.a === task.label };') },
  { title: 'a bare number', code: 'verdict', says: 'A judge returns { reward, success }, not a bare number.', fix: 'Return { reward, success }', text: inJudge('return «0.5»;'), mended: inJudge('return { reward: 0.5, success: null };') },
  { title: 'no reward', code: 'verdict', says: 'The verdict has no reward.', fix: 'Add a reward', text: inJudge('return «{ success: correct }»;'), mended: inJudge('return { reward: 0, success: correct };') },
  { title: 'no grade at all', code: 'reward', says: 'The reward is null; a judge gives a number for every answer.', fix: 'Write 0', text: inJudge('return { reward: «null», success: correct };'), mended: inJudge('return { reward: 0, success: correct };') },
];

for (const { title, text, code, says, fix, mended } of cases) {
  test(title, () => {
    const start = text.indexOf('«');
    const plain = text.replace(/[«»]/g, '');
    const [found, ...others] = problems(plain);
    assert.deepEqual(others, []);
    assert.deepEqual([found?.code, found?.message], [code, says]);
    assert.deepEqual(plain.slice(found!.span.start, found!.span.end), text.slice(start + 1, text.indexOf('»')));
    assert.equal(found!.span.start, start);
    const offered = found!.fixes.find((one) => one.title === fix);
    assert.ok(fix === undefined || offered, `offered: ${found!.fixes.map((one) => one.title).join(', ')}`);
    if (mended === undefined) return;
    const after = applyEdits(plain, offered!.edits);
    assert.equal(after, mended);
    assert.deepEqual(problems(after).map((problem) => problem.code), []);
  });
}

test('what is mended type-checks', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const dir = mkdtempSync(join(tmpdir(), 'tf-mended-'));
  try {
    mkdirSync(join(dir, 'node_modules'));
    symlinkSync(root, join(dir, 'node_modules/tuning-fork'), 'junction');
    for (const [i, { mended }] of cases.entries()) if (mended !== undefined) writeFileSync(join(dir, `case${i}.ts`), mended);
    const options = { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, allowImportingTsExtensions: true, noImplicitOverride: true, skipLibCheck: true };
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
    const told = await new Promise<string>((resolve) => { execFile(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], (_, stdout) => resolve(stdout)); });
    assert.equal(told, '');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('what is right is left alone', () => {
  const right = [
    inExecute("const ask = async (role: string) => (await tuner.getModel(role).call([])).text;\n    await ask('x');\n    return new WorkflowOutput();", "\n  override trainableTargets = ['solver'];"),
    inExecute('return await helper(tuner);', "\n  override trainableTargets = ['solver'];") + "async function helper(tuner: ModelTuner) { tuner.getModel('solver'); return new WorkflowOutput(); }",
    inExecute('return this.go(tuner);\n  }\n  async go(all: ModelTuner) {\n    all.getModel("solver");\n    return new WorkflowOutput();', "\n  override trainableTargets = ['solver'];"),
    `${HEAD}abstract class Base extends Workflow { abstract prompt: string; async execute(task: WorkflowTask, tuner: ModelTuner) { tuner.call([]); return new WorkflowOutput({ reward: grade(task) }); } }
export class A extends Base { name = 'a'; prompt = ''; }\n`,
    `${HEAD}export class A extends Workflow { name = 'a'; execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> { return run(task, tuner); } }`,
    `${HEAD}export class A extends Workflow { name = 'a'; execute(...all: [WorkflowTask, ModelTuner]) { return run(...all); } }`,
    `${HEAD}export class J extends Judge { async judge({ label }: Task, { metadata }: OutputData) { return grade(label, metadata); } }`,
    `${HEAD}export class J extends Judge { judge(task: Task) { return { ...parts(task), success: true }; } }`,
    "import { Workflow } from './mine.ts';\nclass A extends Workflow { execute() {} }",
  ];
  for (const text of right) assert.deepEqual(problems(text), [], text);
});

test('the place to write on is the first statement of execute', () => {
  const text = inExecute('return new WorkflowOutput();');
  assert.equal(text.slice(bodyOfExecute(text, 'a.ts', 'A')!).slice(0, 6), 'return');
  assert.equal(bodyOfExecute(text, 'a.ts', 'B'), undefined);
});

test('Osmosis’ contract: run and grade are async methods; what is missing is written', () => {
  const text = "import { AgentWorkflow, Grader } from 'tuning-fork/osmosis';\nexport class Solver extends AgentWorkflow {\n  run(ctx) {}\n}\nexport class Exact extends Grader {\n}\n";
  const found = problems(text);
  assert.deepEqual(found.map(({ message }) => message), ['`run` must be async.', 'Exact has no method grade(ctx).']);
  const mended = applyEdits(text, found.flatMap(({ fixes }) => fixes[0]!.edits));
  assert.match(mended, /import \{ AgentWorkflow, Grader, type GraderContext \} from 'tuning-fork\/osmosis'/);
  assert.match(mended, /async run\(ctx\)/);
  assert.match(mended, /async grade\(ctx: GraderContext\): Promise<void> \{\n {4}ctx\.setReward\(0\);/);
  assert.deepEqual(problems(mended), []);
});
