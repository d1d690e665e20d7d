/** The older majors that are supported: the same conversations, streamed and not. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { Driver } from './drivers/driver.ts';
import { OLDER } from './older.ts';
import { assertKept, scriptedWorld, tunerOf } from './world.ts';

for (const { name, file } of OLDER) {
  for (const stream of [false, true]) {
    test(`${name}${stream ? ', streamed' : ''}: two questions with tools are one conversation`, async () => {
      const { chat } = (await import(file.href)) as Pick<Driver, 'chat'>;
      await using w = await scriptedWorld();
      const answers = await chat(tunerOf(w, fileURLToPath(file)), ['1 + 2? 5 + 6?', 'And 30 + 4?'], { stream });
      assert.deepEqual(answers.map((answer) => answer.trim()), ['The sum\tis 3 and 11.', 'The sum\tis 34.']);
      assertKept(w, [null, 0, 1, 2]);
    });
  }
}
