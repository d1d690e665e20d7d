import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences, fingerprintOf } from '../../../runtime/training/fingerprint.ts';
import { folder } from '../trace/samples.ts';
import { TASKS } from './fake-trainer.ts';

test('an edit of the workflow or of what it imports, other tasks and other settings are told; speed and length are free', async (t) => {
  const dir = await folder(t);
  const file = join(dir, 'workflow.ts');
  await writeFile(file, `import { Workflow } from 'tuning-fork';\nimport { prompt } from './prompt.ts';\nexport { help } from "./help.js";\n`);
  await writeFile(join(dir, 'prompt.ts'), 'export const prompt = 1;\n');
  await writeFile(join(dir, 'help.ts'), `import './workflow.ts';\nexport const help = 1;\n`);
  const given = { config: { rollout: { temperature: 1, workers: 1 }, trainer_common: { clip_ratio_low: 0.2, save_freq: 20 } }, files: [file], root: dir, ...TASKS, model: 'embedded' };
  const before = await fingerprintOf(given);
  assert.deepEqual(Object.keys(before.files), ['help.ts', 'prompt.ts', 'workflow.ts']);
  assert.deepEqual(differences(before, await fingerprintOf(given)), []);

  const free = { ...given, config: { rollout: { temperature: 1, workers: 4 }, trainer_common: { clip_ratio_low: 0.2, save_freq: 5, total_training_steps: 9 } } };
  assert.deepEqual(differences(before, await fingerprintOf(free)), []);

  await writeFile(join(dir, 'prompt.ts'), 'export const prompt = 2;\n');
  await writeFile(file, `import { prompt } from './prompt.ts';\n`);
  const changed = await fingerprintOf({ ...given, config: { rollout: { temperature: 0.5, workers: 1 }, trainer_common: { save_freq: 20 } }, validation: TASKS.validation.toReversed(), model: 'other' });
  assert.deepEqual(differences(before, changed), [
    'the validation tasks are others', 'help.ts is gone or no longer imported', 'prompt.ts was edited', 'workflow.ts was edited',
    'rollout.temperature was 1 and is 0.5', 'trainer_common.clip_ratio_low was 0.2 and is not set', 'the model it began with was embedded and is other',
  ]);
});

test('the number of threads is kept and is no difference: a training that goes on takes what it had', async () => {
  const given = { config: {}, files: [], root: '.', ...TASKS, model: 'embedded' };
  const four = await fingerprintOf({ ...given, threads: 4 });
  assert.equal(four.threads, 4);
  assert.deepEqual(differences(four, await fingerprintOf({ ...given, threads: 2 })), []);
});
