import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Person } from './person.ts';

const person = new Person();
after(() => person.leave());

test('a rollout is saved as a test, which passes without the run it came from, and fails where the code has changed', async () => {
  assert.equal((await person.type('init my-agent')).code, 0);
  person.cwd = join(person.home, 'my-agent');
  const none = await person.type('test');
  assert.equal(none.code, 2);
  assert.match(none.err, /There is no test of a rollout in .*my-agent\.\n {2}→ Make one of a stored rollout: .*tuning-fork test --save <rollout>/);

  assert.equal((await person.type('rollout -c tuning-fork.yaml --tasks 1 -n 2 --seed 7')).code, 0);
  for (const id of ['s0t0n0', 's0t0n1']) {
    const saved = await person.type(`test --save ${id}`);
    assert.deepEqual([saved.code, saved.out], [0, `Saved as tests/rollouts/training-0-${id}.rollout.json.\n`], saved.err);
  }
  rmSync(join(person.cwd, 'runs'), { recursive: true });

  const passed = await person.type('test');
  assert.equal(passed.code, 0, passed.err);
  assert.match(passed.out, /^✓ tests\/rollouts\/training-0-s0t0n0\.rollout\.json {2}2 calls, reward \d\.\d\d\n✓ .*s0t0n1.*\n2 tests: 2 passed \(.*\)\n$/);
  const { lines } = await person.json('runs list');
  assert.deepEqual(lines, [], 'tests that pass leave no run behind');

  const file = join(person.cwd, 'workflow.ts');
  const source = readFileSync(file, 'utf8');
  writeFileSync(file, source.replace(/sysPrompt: .*/, "sysPrompt: 'Guess.',"));
  const failed = await person.type('test tests/rollouts/training-0-s0t0n0.rollout.json');
  assert.equal(failed.code, 1);
  assert.match(failed.out, /^✗ tests\/rollouts\/training-0-s0t0n0\.rollout\.json\n {2}workflow\.ts:\d+:\d+\n.*The rollout diverged from its record at call 0 .*message 1 is different\. Recorded: "system: .*; now: "system: Guess\."/s);
  assert.match(failed.out, /1 test: 0 passed, 1 failed/);
  const told = await person.json('test');
  assert.deepEqual(told.lines.map(({ type, passed }) => [type, passed]), [['test', false], ['test', false], ['summary', 0]]);

  writeFileSync(file, source);
  writeFileSync(join(person.cwd, 'tests/rollouts/training-0-s0t0n0.rollout.json'), '{}');
  const broken = await person.type('test');
  assert.equal(broken.code, 2);
  assert.match(broken.out, /is no test of a rollout: v is missing.*\n✓ .*n1.*\n2 tests: 1 passed, 1 failed/s);
});
