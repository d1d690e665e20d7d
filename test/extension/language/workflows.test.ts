import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classesIn, gradesOf } from '../../../extension/language/workflows.ts';

const workflows = (text: string, file = 'a.ts') => classesIn(text, file)!.workflows;
const names = (text: string, file?: string): string[] => workflows(text, file).map(({ className }) => className);

test('a workflow with its lines, targets and roles', () => {
  const [found, ...others] = workflows(`import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';

const CHECKER = 'checker';

/** Two agents. */
export class Team extends Workflow {
  name = 'team';
  override trainableTargets = ['solver', CHECKER] as const;

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    tuner.registerModel('solver', { defaultModel: 'ollama:qwen3' });
    const checker = tuner.getModel(CHECKER);
    for (const role of ['a', 'b']) tuner.getModel(role);
    if (await bad(checker)) return new WorkflowOutput({ reward: 0 });
    return new WorkflowOutput({
      metadata: {},
    });
  }
}
`);
  assert.deepEqual(others, []);
  assert.deepEqual(found, {
    file: 'a.ts', className: 'Team', exported: true, line: 5, executeLine: 9, trainableTargets: ['solver', 'checker'], roles: ['solver', 'checker'], outputs: [13, 14],
  });
});

test('what is ours is told by where it is imported from, not by its name', () => {
  assert.deepEqual(names(`import { Workflow as W } from 'tuning-fork'; export class A extends W {}`), ['A']);
  assert.deepEqual(names(`import * as tf from 'tuning-fork'; export class A extends tf.Workflow {}`), ['A']);
  assert.deepEqual(names(`import { Workflow } from 'somewhere-else'; export class A extends Workflow {}`), []);
  assert.deepEqual(names(`class Workflow {} export class A extends Workflow {}`), []);
  assert.deepEqual(names(`// import { Workflow } from 'tuning-fork'\nconst text = "class A extends Workflow {}";`), []);
});

test('a class of the file that extends one of ours is one too; an abstract one is only a base', () => {
  const source = `import { Workflow, WorkflowOutput } from 'tuning-fork';
abstract class Base extends Workflow {
  trainableTargets = ['solver'];
  async execute() { return new WorkflowOutput(); }
}
export class A extends Base { name = 'a'; }
export class B extends Base { name = 'b'; async execute() { return new WorkflowOutput({ reward: 1 }); } }
`;
  assert.deepEqual(workflows(source).map(({ className, executeLine, trainableTargets, outputs }) => ({ className, executeLine, trainableTargets, outputs })), [
    { className: 'A', executeLine: undefined, trainableTargets: ['solver'], outputs: [3] },
    { className: 'B', executeLine: 6, trainableTargets: ['solver'], outputs: [3, 6] },
  ]);
});

test('the name is the one a YAML uses', () => {
  const source = `import { Workflow } from 'tuning-fork';
class A extends Workflow {} class B extends Workflow {} class C extends Workflow {}
export { A, B as Second };
export const D = class extends Workflow {};
export default class extends Workflow {}
`;
  assert.deepEqual(workflows(source).map(({ className, exported }) => [className, exported]), [['A', true], ['Second', true], ['C', false], ['D', true], ['default', true]]);
});

test('helpers beside the classes count for all of them', () => {
  const [a, b] = workflows(`import { Workflow, WorkflowOutput } from 'tuning-fork';
export class A extends Workflow { async execute(task, tuner) { tuner.getModel('a'); return done(tuner); } }
export class B extends Workflow { async execute(task, tuner) { tuner.getModel('b'); return done(tuner); } }
function done(tuner) { tuner?.getModel?.('both'); return new WorkflowOutput(); }
`);
  assert.deepEqual([a!.roles, b!.roles], [['a', 'both'], ['b', 'both']]);
  assert.deepEqual([a!.outputs, b!.outputs], [[3], [3]]);
});

test('judges by the names they are exported as', () => {
  assert.deepEqual(classesIn(`import { Judge } from 'tuning-fork'; export class A extends Judge {} class B extends Judge {} export abstract class C extends Judge {}`, 'j.ts')!.judges, ['A']);
});

test('decorators, JSX, and half a line', () => {
  assert.deepEqual(names(`import { Workflow } from 'tuning-fork'; @registered export class A extends Workflow { constructor(@inject private x: X) {} @logged() async execute() {} }`), ['A']);
  assert.deepEqual(names(`import { Workflow } from 'tuning-fork'; const view = <div>{1}</div>; export class A extends Workflow {}`, 'a.tsx'), ['A']);
  assert.deepEqual(names(`import { Workflow } from 'tuning-fork'; const x = <T>y; export class A extends Workflow {}`), ['A']);
  assert.deepEqual(names(`import { Workflow } from 'tuning-fork'; export class A extends Workflow { async execute(task, tuner) { const a = 1; const a = 2; } }`), ['A'], 'recovered from');
  assert.equal(classesIn(`import { Workflow } from 'tuning-fork'; export class A extends Workflow { async execute( { `, 'a.ts'), undefined);
});

test('a workflow and a grader of Osmosis’ contract are found', () => {
  const text = "import { AgentWorkflow, Grader } from 'tuning-fork/osmosis';\nexport class Solver extends AgentWorkflow {\n  async run(ctx) {}\n}\nexport class Exact extends Grader {\n  async grade(ctx) {}\n}\n";
  const found = classesIn(text, 'main.ts')!;
  assert.deepEqual(found.workflows.map(({ className, line, executeLine, outputs }) => [className, line, executeLine, outputs]), [['Solver', 1, 2, [2]]]);
  assert.deepEqual(found.judges, ['Exact']);
});

test('a function given to tune() is a workflow, exported or not; twice given it is one', () => {
  const source = `import { tune, type ChatModel, type JsonObject } from 'tuning-fork';
async function solve(task: JsonObject, model: ChatModel): Promise<number> {
  return 1;
}
export async function other(task: JsonObject, model: ChatModel): Promise<number> {
  return 0;
}
await tune(solve, 'a.yaml');
await tune(solve, 'b.yaml');
`;
  const tuned = [{ config: 'a.yaml', judge: undefined }, { config: 'b.yaml', judge: undefined }];
  assert.deepEqual(workflows(source), [{ file: 'a.ts', className: 'solve', exported: true, line: 1, executeLine: 1, trainableTargets: undefined, roles: [], outputs: [1], tuned }]);
  assert.equal(gradesOf(source, 'a.ts', 'solve'), 'itself');
  assert.equal(gradesOf(`${source}await tune({ workflowFunc: solve, judgeFunc: async (task, response) => 1 });`, 'a.ts', 'solve'), undefined);
});
