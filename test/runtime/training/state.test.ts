import assert from 'node:assert/strict';
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Fingerprint } from '../../../runtime/training/fingerprint.ts';
import { TrainingStore } from '../../../runtime/training/state.ts';
import { folder } from '../trace/samples.ts';

const fingerprint: Fingerprint = { data: { training: '', validation: '' }, files: {}, config: {}, model: 'embedded' };

test('what is swept away is ours by its name, also where somebody made a link of our folder', async (context) => {
  const root = await folder(context);
  const [dir, elsewhere] = [join(root, 'run'), join(root, 'elsewhere')];
  await mkdir(elsewhere);
  for (const name of ['thesis.md', '1.safetensors.bak', 'photos']) await writeFile(join(elsewhere, name), 'x');
  const store = await TrainingStore.create(dir, 'embedded', 0, fingerprint);
  await store.keepBody(3, new Uint8Array(1));
  await writeFile(join(dir, 'steps', '4.safetensors.tmp'), '');
  await TrainingStore.open(dir, fingerprint, { anyway: true });
  assert.deepEqual(await readdir(join(dir, 'steps')), [], 'nobody has acknowledged them');

  await rm(join(dir, 'steps'), { recursive: true });
  await symlink(elsewhere, join(dir, 'steps'));
  await TrainingStore.open(dir, fingerprint, { anyway: true });
  assert.deepEqual((await readdir(elsewhere)).sort(), ['1.safetensors.bak', 'photos', 'thesis.md']);
});
