import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hoverAt, suggestions, type Suggestion } from '../../../extension/language/config-completion.ts';
import { keysAt } from '../../../extension/language/config-schema.ts';
import type { L10n } from '../../../runtime/contracts/problem.ts';

const english: L10n = { t: (message, ...args) => message.replace(/\{(\d+)\}/g, (_, i: string) => String(args[Number(i)])) };
const dir = mkdtempSync(join(tmpdir(), 'tf-completion-'));
after(() => rmSync(dir, { recursive: true, force: true }));
for (const folder of ['data/deep', 'node_modules']) mkdirSync(join(dir, folder), { recursive: true });
for (const name of ['data/training.jsonl', 'data/notes.txt', 'tasks.jsonl']) writeFileSync(join(dir, name), '');

const offers = {
  workflows: [{ file: join(dir, 'src/agent.ts'), className: 'Agent', roles: ['solver', 'critic'] }, { file: join(dir, 'b.ts'), className: 'B', roles: ['solver'] }],
  judges: [{ file: join(dir, 'judge.ts'), className: 'Mine' }],
};

/** `|` is the cursor; what each suggestion makes of the text is what counts. */
async function offered(text: string): Promise<{ labels: string[]; take(label: string): string; of(label: string): Suggestion }> {
  const offset = text.indexOf('|');
  const plain = text.slice(0, offset) + text.slice(offset + 1);
  const found = await suggestions(plain, offset, join(dir, 'tuning-fork.yaml'), offers, english);
  const of = (label: string): Suggestion => found.find((one) => one.label === label) ?? assert.fail(`${label} is not among ${found.map((one) => one.label).join(', ')}`);
  return { labels: found.map(({ label }) => label), of, take: (label) => plain.slice(0, of(label).span.start) + of(label).text + plain.slice(of(label).span.end) };
}

test('keys of the mapping, without those that are there or have no effect', async () => {
  const { labels, take, of } = await offered('tuning_fork:\n  rollout:\n    seed: 1\n    te|');
  assert.deepEqual(labels, keysAt(['rollout'], 'with effect').filter((key) => key !== 'seed'));
  assert.ok(!labels.includes('gamma'));
  assert.equal(take('temperature'), 'tuning_fork:\n  rollout:\n    seed: 1\n    temperature: ');
  assert.equal(take('val_kwargs'), 'tuning_fork:\n  rollout:\n    seed: 1\n    val_kwargs:\n      ');
  assert.match(of('temperature').documentation!, /\*\*rollout\.temperature\*\*: a number, default `1`\n\nSampling temperature of training rollouts; 0 is greedy\./);
  assert.equal(of('temperature').goOn, false);
  assert.equal(of('force_disable_toolcalls').goOn, true);
});

test('a key that has its colon is only renamed', async () => {
  assert.equal((await offered('ajet:\n  rollout:\n    te|mp: 1\n')).take('temperature'), 'ajet:\n  rollout:\n    temperature: 1\n');
});

test('in braces', async () => {
  assert.equal((await offered('ajet:\n  data: { tr| }\n')).take('train_batch_size'), 'ajet:\n  data: { train_batch_size:  }\n');
  assert.equal((await offered('ajet:\n  task_reader:\n    jsonl_dataset_file:\n      training: { file_path: data/| }\n')).take('data/training.jsonl'), 'ajet:\n  task_reader:\n    jsonl_dataset_file:\n      training: { file_path: data/training.jsonl }\n');
});

test('one root, and what may stand beside it', async () => {
  assert.equal((await offered('|')).take('tuning_fork'), 'tuning_fork:\n  ');
  assert.deepEqual((await offered('ajet:\n  model:\n    path: x\n|')).labels, ['trinity', 'verl', 'hydra', 'defaults']);
  assert.deepEqual((await offered('verl:\n  |')).labels, []);
});

test('values: words, truth, the usual number', async () => {
  assert.deepEqual((await offered('ajet:\n  backbone: |')).labels, ['debug', 'embedded', 'gpu', 'trinity', 'verl']);
  assert.equal((await offered('ajet:\n  backbone: em| # x\n')).take('embedded'), 'ajet:\n  backbone: embedded # x\n');
  assert.deepEqual((await offered('ajet:\n  trainer_common:\n    use_kl_loss: |\n')).labels, ['true', 'false']);
  assert.deepEqual((await offered('ajet:\n  rollout:\n    seed: |\n')).labels, ['42']);
  assert.deepEqual((await offered('ajet:\n  trainer_common:\n    total_training_steps: |\n')).labels, ['null']);
});

test('values of the workspace: workflows, judges, roles, files', async () => {
  assert.deepEqual((await offered('ajet:\n  rollout:\n    user_workflow: |')).labels, ['src/agent.ts->Agent', 'b.ts->B']);
  assert.equal((await offered('ajet:\n  rollout:\n    user_workflow: src/agent.ts->|Agnt\n')).take('b.ts->B'), 'ajet:\n  rollout:\n    user_workflow: b.ts->B\n');
  assert.deepEqual((await offered('ajet:\n  task_judge:\n    judge_protocol: |')).labels.slice(0, 2), ['judge.ts->Mine', 'builtin->math_answer']);
  assert.deepEqual((await offered('ajet:\n  trainable_targets: [solver, |]')).labels, ['solver', 'critic']);
  assert.deepEqual((await offered('ajet:\n  trainable_targets:\n    - |')).labels, ['solver', 'critic']);
  const file = 'ajet:\n  task_reader:\n    jsonl_dataset_file:\n      training:\n        file_path: ';
  assert.deepEqual((await offered(`${file}|`)).labels.sort(), ['data/', 'tasks.jsonl']);
  assert.deepEqual((await offered(`${file}data/|`)).labels.sort(), ['data/deep/', 'data/training.jsonl']);
  assert.ok((await offered('ajet:\n  model:\n    path: |')).labels.includes('ollama:'));
});

test('a hover tells what a key means, on the key and on its value', () => {
  const text = 'tuning_fork:\n  rollout:\n    num_repeat: 4\n    gamma: 1\ntrinity:\n  a: 1\n';
  const hover = (word: string) => hoverAt(text, text.indexOf(word), english);
  assert.equal(hover('num_repeat')!.markdown, '**rollout.num_repeat**: a whole number, default `4`\n\nRollouts of one task: the size of its group.');
  assert.equal(hover('4')!.markdown, hover('num_repeat')!.markdown);
  assert.match(hover('gamma')!.markdown, /without effect here yet/);
  assert.match(hover('rollout')!.markdown, /How rollouts are run and sampled\.\n\n`user_workflow` `num_repeat`/);
  assert.equal(hover('tuning_fork'), undefined);
  assert.equal(hover('trinity'), undefined);
});
