import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportsOf } from '../../../extension/language/exports.ts';
import { configProblems, type ConfigProblem } from '../../../extension/language/config-problems.ts';
import { applyEdits, type L10n } from '../../../runtime/contracts/problem.ts';

const english: L10n = { t: (message, ...args) => message.replace(/\{(\d+)\}/g, (_, i: string) => String(args[Number(i)])) };
const dir = mkdtempSync(join(tmpdir(), 'tf-config-problems-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'tuning-fork.yaml');
mkdirSync(join(dir, 'data'));
writeFileSync(join(dir, 'agent.ts'), 'export class Agent {}\nclass Hidden {}\nexport const made = make();\nexport { Hidden as Shown };\n');
writeFileSync(join(dir, 'empty.ts'), '');
writeFileSync(join(dir, 'barrel.ts'), "export * from './agent.ts';\n");
writeFileSync(join(dir, 'data/training.jsonl'), '{}\n');

const check = (text: string, env: Record<string, string> = {}): Promise<ConfigProblem[]> => configProblems(text, file, {
  env, cwd: dir, workflows: [{ file: join(dir, 'agent.ts'), className: 'Agent' }], sentenceOf: ({ message, next }) => [message, next].filter(Boolean).join(' '),
  exportsOf: async (path) => exportsOf(readFileSync(path, 'utf8'), path),
}, english);

const base = (rollout = '', rest = ''): string => `tuning_fork:\n  rollout:\n    user_workflow: agent.ts->Agent\n${rollout}${rest}`;

interface Case {
  title: string;
  /** What is underlined stands between « and ». */
  text: string;
  says: RegExp | string;
  severity?: 'error' | 'warning';
  fixes?: Record<string, string>;
}

const cases: Case[] = [
  {
    title: 'an unknown key', text: base('    «num_repat»: 4\n'), says: 'There is no key `num_repat` in `rollout`. Did you mean `num_repeat`?',
    fixes: { 'Rename to num_repeat': base('    num_repeat: 4\n') },
  },
  {
    title: 'a key in the wrong mapping', text: base('', '  «temperature»: 0.5  # hot\n'), says: 'There is no key `temperature` at the top of the configuration. It belongs at `rollout.temperature`.',
    fixes: {},
  },
  {
    title: 'a key in the wrong mapping, alone on its line', text: base('', '  «temperature»: 0.5\n  backbone: debug\n'), says: /belongs at `rollout.temperature`/,
    fixes: { 'Move to rollout.temperature': 'tuning_fork:\n  rollout:\n    temperature: 0.5\n    user_workflow: agent.ts->Agent\n  backbone: debug\n' },
  },
  {
    title: 'the root misspelt', text: base().replace('tuning_fork', '«tunning_fork»'), says: 'The root `tuning_fork:` (or `ajet:`, `astuner:`) is missing. Did you mean `tuning_fork` where it says `tunning_fork`?',
    fixes: { 'Rename to tuning_fork': base() },
  },
  { title: 'a stranger beside the root', text: `${base()}«verll»: {}\n`, says: 'There is no key `verll` beside `tuning_fork`. Did you mean `verl`?', fixes: { 'Rename to verl': `${base()}verl: {}\n` } },
  {
    title: 'one of a few words', text: base('', '  backbone: «embeded» # here\n'), says: '`backbone` must be one of debug, embedded, gpu, trinity, verl, but is the text "embeded". Did you mean `embedded`?',
    fixes: { 'Write embedded': base('', '  backbone: embedded # here\n') },
  },
  { title: 'yes', text: base('    force_disable_toolcalls: «yes»\n'), says: /must be true or false, but is the text "yes"/, fixes: { 'Write true': base('    force_disable_toolcalls: true\n') } },
  { title: 'a number in quotes', text: base('    seed: «"7"»\n'), says: '`rollout.seed` must be a whole number, but is the text "7". Take the quotes away.', fixes: { 'Write 7': base('    seed: 7\n') } },
  { title: 'a list of one', text: base('', '  trainable_targets: «solver»\n'), says: '`trainable_targets` must be a list, but is the text "solver". Write [solver].', fixes: { 'Write [solver]': base('', '  trainable_targets: [solver]\n') } },
  { title: 'a number where text is wanted', text: base('', '  project_name: «7»\n'), says: '`project_name` must be text, but is 7. Put it in quotes: "7".', fixes: { 'Write "7"': base('', '  project_name: "7"\n') } },
  { title: 'a value in braces', text: base('', '  data: { train_batch_size: «0» }\n'), says: '`data.train_batch_size` must be at least 1, but is 0.', fixes: {} },
  { title: 'written twice', text: base('    seed: 1\n    «seed»: 2\n'), says: '`seed` is written twice. Keep one of the two.' },
  {
    title: 'no workflow', text: 'tuning_fork:\n  «rollout»:\n    seed: 1\n', says: /`rollout.user_workflow` is missing/,
    fixes: { 'Run agent.ts->Agent': 'tuning_fork:\n  rollout:\n    user_workflow: agent.ts->Agent\n    seed: 1\n' },
  },
  { title: 'nothing at all', text: '«tuning_fork»:\n', says: /`rollout.user_workflow` is missing/, fixes: { 'Run agent.ts->Agent': 'tuning_fork:\n  rollout:\n    user_workflow: agent.ts->Agent\n' } },
  {
    title: 'a file that is not there', text: base().replace('agent.ts->Agent', '«agnt.ts->Agent»'), says: /^`rollout.user_workflow` names agnt.ts, and there is no such file/,
    fixes: { 'Write agent.ts->Agent': base() },
  },
  {
    title: 'a class that is not there', text: base().replace('agent.ts->Agent', '«agent.ts->Agnet»'), says: 'There is no exported class Agnet in agent.ts. It exports Agent, Shown.',
    fixes: { 'Write agent.ts->Agent': base(), 'Write agent.ts->Shown': base().replace('->Agent', '->Shown') },
  },
  { title: 'a class that is not exported', text: base().replace('agent.ts->Agent', '«agent.ts->Hidden»'), says: /There is no exported class Hidden/ },
  { title: 'a file without classes', text: base().replace('agent.ts->Agent', '«empty.ts->Agent»'), says: 'There is no exported class Agent in empty.ts. Write "export class Agent".', fixes: {} },
  {
    title: 'data that is not there', text: base('', '  task_reader:\n    jsonl_dataset_file:\n      training: { file_path: «data/traning.jsonl» }\n'), says: /names data\/traning.jsonl, and there is no such file/,
    fixes: { 'Write data/training.jsonl': base('', '  task_reader:\n    jsonl_dataset_file:\n      training: { file_path: data/training.jsonl }\n') },
  },
  {
    title: 'a built-in judge that is not there', text: base('', '  task_judge:\n    judge_protocol: «builtin->math_anser»\n'), says: /^There is no built-in judge `math_anser`. There are math_answer,/,
    fixes: { 'Write builtin->math_answer': base('', '  task_judge:\n    judge_protocol: builtin->math_answer\n') },
  },
  { title: 'a judge that is not there', text: base('', '  task_judge:\n    judge_protocol: «judge.ts->Mine»\n'), says: /names judge.ts, and there is no such file/ },
  { title: 'an old name', severity: 'warning', text: base().replace('user_workflow', '«agentscope_workflow»'), says: /`rollout.agentscope_workflow` is now called `rollout.user_workflow`/, fixes: { 'Rename to user_workflow': base() } },
  { title: 'a key without effect', severity: 'warning', text: base('    «gamma»: 1\n'), says: '`rollout.gamma` has no effect here yet.' },
  { title: 'a variable that is not set', severity: 'warning', text: base('    seed: «${NOT_SET_ANYWHERE}»\n'), says: /The environment has no variable NOT_SET_ANYWHERE/, fixes: {} },
  { title: 'no YAML', text: `${base()}  a: «[»\n`, says: /^This isn’t YAML/ },
];

for (const { title, text, says, severity = 'error', fixes } of cases) {
  test(title, async () => {
    const plain = text.replace(/[«»]/g, '');
    const [found, ...others] = await check(plain);
    assert.deepEqual(others.map(({ message }) => message), []);
    if (typeof says === 'string') assert.equal(found?.message, says);
    else assert.match(found!.message, says);
    assert.equal(found!.severity, severity);
    if (title !== 'no YAML') assert.deepEqual([plain.slice(found!.span.start, found!.span.end), found!.span.start], [text.slice(text.indexOf('«') + 1, text.indexOf('»')), text.indexOf('«')]);
    if (fixes !== undefined) assert.deepEqual(Object.fromEntries(found!.fixes.map((fix) => [fix.title, applyEdits(plain, fix.edits)])), fixes);
  });
}

test('several mistakes, each in its place', async () => {
  const text = base('    temperature: hot\n    gamma: 1\n    max_num_seqs: 2\n    num_repat: 1\n');
  const found = await check(text);
  assert.deepEqual(found.map(({ span, severity, idle }) => [text.slice(span.start, span.end), severity, idle === true]), [
    ['hot', 'error', false], ['gamma', 'warning', true], ['max_num_seqs', 'warning', true], ['num_repat', 'error', false],
  ]);
});

test('what is right is left alone', async () => {
  for (const text of [base(), base().replace('agent.ts->Agent', 'barrel.ts->Anything'), base().replace('->Agent', '->made'), base('    seed: ${SEED}\n')]) assert.deepEqual(await check(text, { SEED: '3' }), [], text);
});

test('a configuration of Trinity-RFT that tune() gets is checked in its own words, and mended in none of ours', async () => {
  const trinity = (rest: string): string => `project: p\nalgorithm:\n  algorithm_type: grpo\n${rest}buffer:\n  explorer_input:\n    taskset: { path: data/training.jsonl }\n`;
  const said = async (text: string): Promise<string[]> => {
    const found = await configProblems(text, join(dir, 'config.yaml'), {
      env: {}, cwd: dir, workflows: [], sentenceOf: ({ message }) => message, exportsOf: () => assert.fail('nothing of it is looked for'), given: { workflow: `${join(dir, 'agent.ts')}->run` },
    }, english);
    assert.deepEqual(found.flatMap(({ fixes }) => fixes), []);
    return found.map(({ message, severity, span }) => `${severity} «${text.slice(span.start, span.end)}» ${message}`);
  };
  assert.deepEqual(await said(trinity('')), []);
  assert.deepEqual(await said(trinity('  repeat_times: many\n')), ['error «many» `algorithm.repeat_times` must be a whole number, but is the text "many".']);
  assert.deepEqual(await said(trinity('').replace(': grpo', ': sft')), ['error «algorithm_type» `algorithm.algorithm_type` is "sft", which can’t be trained here.']);
  assert.deepEqual(await said(trinity('').replace('project', 'projet')), ['error «projet» There is no key `projet` in a configuration of Trinity-RFT.']);
  assert.deepEqual(await said(trinity('').replace('training.jsonl', 'trainig.jsonl')), [`error «path» \`buffer.explorer_input.taskset.path\` names data/trainig.jsonl, and there is no such file in ${dir}.`]);
});
