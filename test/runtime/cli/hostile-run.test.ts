/** A run that somebody else made, read at a terminal: nothing of it moves the cursor, writes to the clipboard or turns the line around. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRun } from '../../../runtime/trace/writer.ts';
import { call, newRun, rollout } from '../trace/samples.ts';
import { Person } from './person.ts';

const CLIPBOARD = '\u001b]52;c;ZWNobyBwd25lZA==\u0007';
const UP_AND_OVER = '\u001b[3A\u009b2K\u202e';

test('nothing of a run reaches the terminal but text', async (context) => {
  const mallory = `x${CLIPBOARD}${UP_AND_OVER}`;
  const person = new Person();
  context.after(() => person.leave());
  const writer = await createRun(join(person.home, 'runs'), newRun({ project: 'p', experiment: 'e', workflow: mallory, policy: mallory }));
  const record = rollout(0);
  await writer.seal({
    ...record, taskId: mallory, workflow: mallory, calls: [call(0, undefined, 4, { role: mallory, policy: mallory })], status: 'finished', reward: 1,
    judge: { name: mallory, reward: 1, success: true, parts: { [mallory]: 1 }, reason: mallory },
  });
  await writer.updateRun({ state: 'finished', project: mallory, experiment: mallory });
  await writer.close();
  const commands = ['runs list', 'runs show latest', `runs show latest --rollout ${record.rollout} --tokens`, 'runs show no-such-run', 'runs list --json', 'runs show latest --json'];
  for (const command of commands) {
    const { out, err } = await person.type(command, { FORCE_COLOR: '1' });
    // eslint-disable-next-line no-control-regex
    const plain = (out + err).replace(/\u001b\[[\d;]*m/g, '');
    assert.doesNotMatch(plain, /(?![\t\n])[\p{Cc}\p{Cf}]/u, command);
    assert.match(plain, /ZWNobyBwd25lZA|There is no run/, command);
  }
});
