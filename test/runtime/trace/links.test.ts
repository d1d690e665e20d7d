import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRun, openRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun, rollout } from '../trace/samples.ts';

test('a run whose files are links is read, and never written to', async (context) => {
  const root = await folder(context);
  const mine = join(root, 'mine');
  await mkdir(mine);
  await writeFile(join(mine, 'diary'), 'dear diary');
  for (const name of ['traces/rollouts-0.jsonl.gz', 'traces/rollouts-0.idx', 'journal/calls-1.jsonl', 'metrics.jsonl', 'traces', 'journal']) {
    const writer = await createRun(root, newRun());
    await writer.seal(rollout(0));
    await writer.close();
    const path = join(writer.dir, name);
    const isFolder = !name.includes('.');
    if (isFolder) await rename(path, join(mine, name));
    else await rm(path, { force: true });
    await symlink(isFolder ? join(mine, name) : join(mine, 'diary'), path);
    await assert.rejects(openRun(writer.dir), (error: Error) => error.message.startsWith(`${path} is a link to elsewhere`), name);
  }
  assert.equal(await readFile(join(mine, 'diary'), 'utf8'), 'dear diary');
});

test('a run goes on whose folder was reached through a link', async (context) => {
  const root = await folder(context);
  const writer = await createRun(join(root, 'disk'), newRun());
  await writer.close();
  await symlink(join(root, 'disk'), join(root, 'runs'));
  await (await openRun(writer.dir.replace(join(root, 'disk'), join(root, 'runs')))).close();
});
