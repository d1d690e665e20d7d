import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportsOf } from '../../../extension/language/exports.ts';
import { configProblems } from '../../../extension/language/config-problems.ts';
import { classesIn, gradesOf } from '../../../extension/language/workflows.ts';
import { draftConfig, findData, type Draft } from '../../../extension/scaffold/config-draft.ts';
import { parseConfig } from '../../../runtime/config/load.ts';
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'tf-draft-')));
after(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(join(dir, 'src'));
mkdirSync(join(dir, 'with-data/data'), { recursive: true });
writeFileSync(join(dir, 'with-data/data/train.jsonl'), '{"main_query":"1+1","metadata":{"answer":"2"}}\n');
writeFileSync(join(dir, 'with-data/data/valid.jsonl'), '{"main_query":"1+2","metadata":{"answer":"3"}}\n');
const source = `import { Workflow, WorkflowOutput, Judge } from 'tuning-fork';
export class Plain extends Workflow { name = 'p'; async execute(task, tuner) { return new WorkflowOutput({ reward: null }); } }
export class Graded extends Workflow { name = 'g'; trainableTargets = ['a']; async execute(task, tuner) { tuner.registerModel('b', {}); tuner.getModel('a'); return new WorkflowOutput({ reward: 1 }); } }
export class Game extends Workflow { name = 'e'; async execute(task, tuner) { return new WorkflowOutput({ environment }); } }
export class Mine extends Judge { judge() { return { reward: 1 }; } }
`;
const workflowFile = join(dir, 'src/agent.ts');
writeFileSync(workflowFile, source);
const { workflows } = classesIn(source, workflowFile)!;

const draft = (className: string, more: Partial<Draft> = {}): string => draftConfig({
  file: join(dir, 'src/tuning-fork.yaml'), workflow: workflows.find((one) => one.className === className)!, grades: gradesOf(source, workflowFile, className), judges: [], data: undefined, schema: undefined, ...more,
});

test('every draft is a configuration without a mistake', async () => {
  const data = await findData(join(dir, 'with-data'), join(dir, 'with-data'));
  assert.deepEqual(data, { training: join(dir, 'with-data/data/train.jsonl'), validation: join(dir, 'with-data/data/valid.jsonl'), answer: 'answer' });
  assert.equal(await findData(join(dir, 'src'), join(dir, 'src')), undefined);
  const judges = [{ file: workflowFile, className: 'Mine' }];
  const expected: [className: string, more: Partial<Draft>, judge: string | null][] = [
    ['Plain', {}, null], ['Plain', { data }, 'builtin->exact_match'], ['Plain', { judges }, 'agent.ts->Mine'], ['Graded', { data }, null], ['Game', {}, 'builtin->environment'],
  ];
  for (const [className, more, judge] of expected) {
    const text = draft(className, more);
    const file = join(dir, 'src/tuning-fork.yaml');
    const around = { env: {}, cwd: dir, workflows: [], sentenceOf: ({ message }: ErrorInfo) => message, exportsOf: async (path: string) => exportsOf(readFileSync(path, 'utf8'), path) };
    assert.deepEqual(await configProblems(text, file, around, { t: (message) => message }), [], text);
    const { config } = parseConfig(text, file, {}, around);
    assert.equal(config.task_judge.judge_protocol, judge, text);
    assert.equal(config.rollout.user_workflow, `agent.ts->${className}`);
    assert.equal(config.task_reader.type, more.data ? 'jsonl_dataset_file' : 'random_dummy');
  }
  assert.match(draft('Plain', { schema: join(dir, 'node_modules/s.json') }), /^# yaml-language-server: \$schema=\.\/\.\.\/node_modules\/s\.json\ntuning_fork:\n/);
  assert.match(draft('Graded'), /# trainable_targets: \[a\] {3}# of a, b;/);
});
