import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../../runtime/protocol/config.ts';
import { openTasks } from '../../../runtime/tasks/open.ts';

let dir = '';
before(async () => { dir = await mkdtemp(join(tmpdir(), 'tf-open-')); });
after(() => rm(dir, { recursive: true, force: true }));

const loaded = (task_reader: object, rollout: object = {}) => ({
  config: configSchema.parse({ task_reader, rollout: { user_workflow: 'a.ts->A', ...rollout } }),
  dir, cwd: dir, place: (key: string) => ({ file: 'x.yaml', line: 1, key }),
});

test('random_dummy: a thousand numbers, the same every time, none in both splits', async () => {
  const read = (split: 'training' | 'validation', seed = 42) => Array.fromAsync(openTasks(loaded({ type: 'random_dummy' }, { seed }), split).tasks());
  const training = await read('training');
  const numbers = training.map((task) => task.metadata.random_number);
  assert.equal(new Set(numbers).size, 1000);
  assert.deepEqual(training, await read('training'));
  assert.notDeepEqual(training, await read('training', 43));
  const validation = new Set((await read('validation')).map((task) => task.metadata.random_number));
  assert.equal(validation.size, 1000);
  assert.ok(numbers.every((number) => !validation.has(number!)));
  assert.deepEqual({ ...training[0], metadata: undefined }, { taskId: String(numbers[0]), mainQuery: `[dummy task @ ${numbers[0]}]`, initMessages: [], envType: 'no_env', metadata: undefined });
});

test('random_dummy tells its count at once, and as many as asked', async () => {
  const source = openTasks(loaded({ type: 'random_dummy', random_dummy: { validation: { count: 7 } } }), 'validation');
  assert.equal(source.count, 7);
  assert.equal((await Array.fromAsync(source.tasks())).length, 7);
});

test('a JSONL file beside the YAML', async () => {
  await writeFile(join(dir, 'a.jsonl'), '{"question":"?","answer":1}\n');
  const source = openTasks(loaded({ jsonl_dataset_file: { training: { file_path: 'a.jsonl' }, label_key: 'answer' } }), 'training');
  assert.equal(source.name, 'a.jsonl');
  assert.equal((await Array.fromAsync(source.tasks()))[0]?.label, 1);
});

test('a split that isn’t set, a file that isn’t there', () => {
  const config = loaded({ jsonl_dataset_file: { training: { file_path: 'nowhere.jsonl' } } });
  assert.throws(() => openTasks(config, 'validation'), { code: 'config', message: /No validation tasks/, where: { file: 'x.yaml', line: 1, key: 'task_reader.jsonl_dataset_file.validation.file_path' } });
  assert.throws(() => openTasks(config, 'training'), { code: 'config', message: /names nowhere\.jsonl, and there is no such file in/ });
});

for (const type of ['huggingface_dat_repo', 'env_service', 'data_generation', 'tracing', 'deep_finance'] as const) {
  test(`${type} is told to be not here yet`, () => {
    assert.throws(() => openTasks(loaded({ type }), 'training'), { code: 'not-here-yet', message: `Tasks of type ${type} can’t be read here yet.` });
  });
}
