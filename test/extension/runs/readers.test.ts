import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { KEPT_ROLLOUTS, readerOf } from '../../../extension/runs/readers.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun, rollout } from '../../runtime/trace/samples.ts';

test('all who ask get the same reader, and it knows what was sealed since', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  await writer.seal(rollout(0));
  const [first, second] = await Promise.all([readerOf(writer.dir), readerOf(writer.dir)]);
  assert.equal(first, second);
  assert.equal(first.count, 1);
  await writer.seal(rollout(1));
  assert.equal((await readerOf(writer.dir)).count, 2);
  assert.equal(await readerOf(writer.dir), first);
  await writer.close();
  await rm(writer.dir, { recursive: true });
  await assert.rejects(readerOf(writer.dir), /is no run/);
});

test('the index of a run that nobody asks for any more is not kept for ever', async (context) => {
  const root = await folder(context);
  const open = async (experiment: string) => {
    const writer = await createRun(root, newRun({ experiment }));
    await writer.seal(rollout(0));
    await writer.close();
    return writer.dir;
  };
  const [large, small] = [await open('large'), await open('small')];
  const reader = await readerOf(large);
  Object.defineProperty(reader, 'count', { value: KEPT_ROLLOUTS + 1 });
  assert.equal(await readerOf(large), reader, 'the one asked for last is kept');
  await readerOf(small);
  assert.notEqual(await readerOf(large), reader);
});
