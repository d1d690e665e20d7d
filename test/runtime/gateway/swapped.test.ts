import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { bytesOf, user, world } from './world.ts';

const dropped = (): TuningForkError => new TuningForkError('swapped', 'The call was still running when the weights changed, so it was dropped.');

test('a call that was dropped at a change of weights is made again, and nothing of its first attempt is left', async () => {
  let times = 0;
  await using w = await world((request) => {
    if (++times > 1) return 'done';
    for (const id of bytesOf('of older weights')) request.onToken?.(id, -1);
    throw dropped();
  });
  const { status, json } = await w.post({ messages: [user('q')] });
  assert.deepEqual([status, json.choices[0].message.content, times], [200, 'done', 2]);
  assert.deepEqual(w.journal.map(({ tokens }) => tokens!.sampled.length), [bytesOf('done').length + 1]);
});

test('a stop text that the first attempt began is not gone on with', async () => {
  let times = 0;
  await using w = await world((request) => {
    if (++times > 1) return 'DE rest';
    for (const id of bytesOf('abcCO')) request.onToken?.(id, -1);
    throw dropped();
  });
  const { json } = await w.post({ messages: [user('q')], stop: 'CODE' });
  assert.equal(json.choices[0].message.content, 'DE rest');
});

test('one that is dropped again and again is told at last', async () => {
  let times = 0;
  await using w = await world(() => {
    times++;
    throw dropped();
  });
  const { status } = await w.post({ messages: [user('q')] });
  assert.deepEqual([status, times], [500, 4]);
});
