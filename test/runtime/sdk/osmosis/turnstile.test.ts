import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turnstile } from '../../../../runtime/sdk/osmosis/turnstile.ts';

const never = (): Promise<string> => new Promise(() => {});

test('no place is lost, whoever is aborted inside or waiting, in whichever order', async () => {
  for (const order of [[0, 1], [1, 0]]) {
    const turnstile = new Turnstile(1);
    const aborts = [new AbortController(), new AbortController()];
    const [inside, waiting] = aborts.map(({ signal }) => turnstile.pass(never, signal).catch((error: Error) => error.message));
    const last = turnstile.pass(async () => 'through');
    for (const i of order) aborts[i]!.abort(new Error('gone'));
    assert.deepEqual(await Promise.all([inside, waiting, last]), ['gone', 'gone', 'through']);
    assert.deepEqual([turnstile.inside, turnstile.waiting], [0, 0]);
  }
});

test('a place is handed to somebody who is aborted in the same moment, and goes on', async () => {
  for (let moment = 0; moment < 8; moment++) {
    const turnstile = new Turnstile(1);
    const abort = new AbortController();
    const first = Promise.withResolvers<string>();
    const inside = turnstile.pass(() => first.promise);
    const waiting = turnstile.pass(never, abort.signal).catch((error: Error) => error.message);
    const last = turnstile.pass(async () => 'through');
    first.resolve('done');
    for (let turn = 0; turn < moment; turn++) await Promise.resolve();
    abort.abort(new Error('gone'));
    assert.deepEqual(await Promise.all([inside, waiting, last]), ['done', 'gone', 'through']);
    assert.equal(turnstile.inside, 0);
  }
});
