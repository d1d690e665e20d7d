import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { parseConfig } from '../../../runtime/config/load.ts';
import { findPath } from '../../../runtime/config/files.ts';
import { migrate, type MigratedKey } from '../../../runtime/cli/migrate/migrate.ts';
import { folder } from '../trace/samples.ts';

const caller = { env: {}, cwd: '/project' };
const agentjet = readFileSync(new URL('../../fixtures/migrate/agentjet.yaml', import.meta.url), 'utf8');

function fateOf(keys: readonly MigratedKey[], key: string): [MigratedKey['verdict'], string | undefined] {
  const found = keys.find((one) => one.key === key);
  assert.ok(found !== undefined, `nothing is said of ${key}`);
  return [found.verdict, found.to];
}

test('every key of AgentJet’s defaults has a fate, and what is left loads without a word', () => {
  const { from, keys, yaml } = migrate(agentjet, 'agentjet.yaml', { workflow: 'workflow.ts->Agent' });
  assert.equal(from, 'AgentJet');
  assert.deepEqual(fateOf(keys, 'rollout.num_repeat'), ['same', undefined]);
  assert.deepEqual(fateOf(keys, 'rollout.agentscope_workflow'), ['by-hand', 'workflow.ts->Agent']);
  assert.deepEqual(fateOf(keys, 'task_judge.judge_protocol'), ['renamed', 'builtin->env_service']);
  assert.deepEqual(fateOf(keys, 'backbone'), ['by-hand', 'embedded']);
  assert.deepEqual(fateOf(keys, 'trainer_common.logger'), ['no-effect', undefined]);
  assert.deepEqual(fateOf(keys, 'rollout.temperatur'), ['unknown', undefined]);
  assert.equal(keys.find(({ key }) => key === 'rollout.temperatur')?.why, 'Did you mean `temperature`?');
  assert.equal(keys.find(({ key }) => key === 'backbone')?.line, 6);
  const { config, warnings } = parseConfig(yaml, '/project/new.yaml', {}, caller);
  assert.deepEqual(warnings, []);
  assert.deepEqual([config.rollout.user_workflow, config.rollout.num_repeat, config.data.train_batch_size, config.model.path], ['workflow.ts->Agent', 4, 32, 'embedded']);
  assert.match(yaml, /^# AgentJet's defaults/);
});

test('one of Trinity-RFT becomes one of ours that says the same', () => {
  const text = readFileSync(new URL('../../../examples/tune/config.yaml', import.meta.url), 'utf8');
  const { from, keys, yaml } = migrate(text, 'config.yaml', { workflow: 'main.ts->run' });
  assert.equal(from, 'Trinity-RFT');
  assert.deepEqual(fateOf(keys, 'algorithm.repeat_times'), ['renamed', 'rollout.num_repeat']);
  const [before, after] = [parseConfig(text, '/project/config.yaml', { 'rollout.user_workflow': 'main.ts->run' }, caller), parseConfig(yaml, '/project/config.yaml', {}, caller)];
  assert.deepEqual(after.config, before.config);
  assert.deepEqual(after.warnings, []);
});

test('a configuration of ours stays as it is', () => {
  const text = readFileSync(new URL('../../../examples/countdown/countdown.yaml', import.meta.url), 'utf8');
  const { keys, yaml } = migrate(text, 'countdown.yaml');
  assert.deepEqual([...new Set(keys.map(({ verdict }) => verdict))], ['same']);
  assert.deepEqual(parseConfig(yaml, '/p/countdown.yaml', {}, caller).config, parseConfig(text, '/p/countdown.yaml', {}, caller).config);
});

test('aliases and merged keys are written out where they are meant, and what they came from goes', () => {
  const { keys, yaml } = migrate(`base: &base { num_repeat: 4, temperature: 1.0 }
more: &more
  <<: *base
  temperature: 0.9
ajet:
  project_name: &name demo   # kept
  experiment_name: *name
  rollout:
    <<: [*more, *base]
    user_workflow: a.ts->A
  trainer_common: &common { total_epochs: 3, n_gpus_per_node: 8 }
  other: *common
`, 'x.yaml');
  assert.deepEqual(['rollout.temperature', 'trainer_common.n_gpus_per_node', 'other.total_epochs', 'base'].map((key) => fateOf(keys, key)[0]), ['same', 'no-effect', 'unknown', 'unknown']);
  const { config } = parseConfig(yaml, '/project/new.yaml', {}, caller);
  assert.deepEqual([config.project_name, config.experiment_name, config.rollout.num_repeat, config.rollout.temperature, config.trainer_common.total_epochs], ['demo', 'demo', 4, 0.9, 3]);
  assert.match(yaml, /# kept/);
  assert.doesNotMatch(yaml, /[&*<]/);
});

test('an empty root, names that every object has, an old name beside the new one', () => {
  assert.equal(parseConfig(migrate('ajet:\n', 'x.yaml').yaml, '/project/new.yaml', {}, caller).config.rollout.user_workflow, 'workflow.ts->MyWorkflow');
  const { keys } = migrate('ajet:\n  constructor: 3\n  rollout: { toString: 3 }\n', 'x.yaml');
  assert.deepEqual(['constructor', 'rollout.toString'].map((key) => fateOf(keys, key)[0]), ['unknown', 'unknown']);
  const both = migrate('ajet:\n  rollout: { agentscope_workflow: a.b->C, user_workflow: c.ts->D }\n', 'x.yaml');
  assert.deepEqual(fateOf(both.keys, 'rollout.agentscope_workflow'), ['no-effect', 'rollout.user_workflow']);
  assert.equal(parseConfig(both.yaml, '/project/new.yaml', {}, caller).config.rollout.user_workflow, 'c.ts->D');
});

test('written to another folder, it names the same files from there; what isn’t there yet stays', async (context) => {
  const root = await folder(context);
  const [from, to, cwd] = ['old/conf', 'new/conf', '.'].map((path) => join(root, path)) as [string, string, string];
  await mkdir(join(from, 'data'), { recursive: true });
  await mkdir(to, { recursive: true });
  await writeFile(join(from, 'data/tasks 任务.jsonl'), '{}\n');
  await writeFile(join(root, 'validation.jsonl'), '{}\n');
  await writeFile(join(from, 'judge.ts'), '');
  const text = `ajet:
  task_reader:
    jsonl_dataset_file:
      training: { file_path: data/tasks 任务.jsonl }
      validation: { file_path: validation.jsonl }
  task_judge: { judge_protocol: judge.ts->Mine }
  rollout: { user_workflow: soon.ts->Agent }
`;
  const { keys, yaml } = migrate(text, join(from, 'a.yaml'), { move: { from, to, cwd } });
  const { config } = parseConfig(yaml, join(to, 'a.yaml'), {}, { env: {}, cwd: to });
  const { training, validation } = config.task_reader.jsonl_dataset_file;
  assert.deepEqual([training.file_path, validation.file_path, config.task_judge.judge_protocol, config.rollout.user_workflow], ['../../old/conf/data/tasks 任务.jsonl', '../../validation.jsonl', '../../old/conf/judge.ts->Mine', 'soon.ts->Agent']);
  assert.equal(findPath({ dir: to, cwd: to }, training.file_path!), join(from, 'data/tasks 任务.jsonl'));
  assert.deepEqual(fateOf(keys, 'task_reader.jsonl_dataset_file.training.file_path'), ['same', '../../old/conf/data/tasks 任务.jsonl']);

  const trinity = 'buffer: { explorer_input: { taskset: { storage_type: file, path: data/tasks 任务.jsonl } } }\nalgorithm: { algorithm_type: grpo }\n';
  const other = migrate(trinity, join(from, 'b.yaml'), { move: { from, to, cwd } });
  assert.match(other.yaml, /file_path: \.\.\/\.\.\/old\/conf\/data\/tasks 任务\.jsonl/);
  assert.match(migrate(text, join(from, 'a.yaml'), { move: { from, to: from, cwd } }).yaml, /file_path: data\/tasks/);
});
